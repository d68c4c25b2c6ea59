package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var scheme, codecs = func() (*runtime.Scheme, serializer.CodecFactory) {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s, serializer.NewCodecFactory(s)
}()

func base64Of(data []byte) string {
	return base64.StdEncoding.EncodeToString(data)
}

// A request as the API sees it: /api/v1/namespaces/NS/RESOURCE/NAME/SUB, or /apis/apps/v1/…
type call struct {
	verb, namespace, resource, name, sub string
	group                                schema.GroupVersion
}

func (c call) kind() schema.GroupResource {
	return schema.GroupResource{Group: c.group.Group, Resource: c.resource}
}

func parse(req *http.Request) (call, bool) {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	var c call
	switch {
	case len(parts) >= 5 && parts[0] == "api" && parts[1] == "v1":
		c.group, parts = corev1.SchemeGroupVersion, parts[2:]
	case len(parts) >= 6 && parts[0] == "apis" && parts[1] == "apps" && parts[2] == "v1":
		c.group, parts = appsv1.SchemeGroupVersion, parts[3:]
	default:
		return c, false
	}
	if parts[0] != "namespaces" {
		return c, false
	}
	parts = append(parts[1:], "", "", "")
	c.namespace, c.resource, c.name, c.sub = parts[0], parts[1], parts[2], parts[3]
	verbs := map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodDelete: "delete"}
	c.verb = verbs[req.Method]
	if req.Method == http.MethodGet {
		c.verb = "get"
		if c.name == "" {
			c.verb = "list"
		}
	}
	return c, c.verb != ""
}

func (k *cluster) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	user := ""
	for name := range users {
		if req.Header.Get("Authorization") == "Bearer "+tokenOf(name) {
			user = name
		}
	}
	if user == "" {
		fail(w, req, apierrors.NewUnauthorized("Unauthorized"))
		return
	}
	if found, ok := discovery[strings.TrimSuffix(req.URL.Path, "/")]; ok && req.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found)
		return
	}
	c, ok := parse(req)
	if !ok {
		fail(w, req, apierrors.NewGenericServerResponse(http.StatusNotFound, req.Method, schema.GroupResource{}, "", "the server could not find the requested resource", 0, true))
		return
	}
	resource := strings.TrimSuffix(c.resource+"/"+c.sub, "/")
	if !slices.Contains(users[user], c.verb+" "+resource) {
		why := fmt.Errorf("User %q cannot %s resource %q in API group %q in the namespace %q", user, c.verb, resource, c.group.Group, c.namespace)
		fail(w, req, apierrors.NewForbidden(c.kind(), c.name, why))
		return
	}
	if c.sub == "exec" {
		k.exec(w, req, c)
		return
	}
	object, err := k.answer(req, c)
	if err != nil {
		fail(w, req, err)
		return
	}
	status := http.StatusOK
	if c.verb == "create" {
		status = http.StatusCreated
	}
	write(w, req, status, c.group, object)
}

func (k *cluster) answer(req *http.Request, c call) (runtime.Object, error) {
	selector, err := labels.Parse(req.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	k.Lock()
	defer k.Unlock()
	key := c.namespace + "/" + c.name
	switch c.verb + " " + c.resource {
	case "get deployments":
		if found := k.deployments[key]; found != nil {
			return k.counted(found), nil
		}
	case "list deployments":
		list := &appsv1.DeploymentList{}
		for _, one := range k.deployments {
			if one.Namespace == c.namespace && selector.Matches(labels.Set(one.Labels)) {
				list.Items = append(list.Items, *k.counted(one))
			}
		}
		return list, nil
	case "create deployments":
		made := &appsv1.Deployment{}
		if err := k.create(req, c, made); err != nil {
			return nil, err
		}
		if problems := checkDeployment(made); len(problems) > 0 {
			return nil, apierrors.NewInvalid(appsv1.SchemeGroupVersion.WithKind("Deployment").GroupKind(), made.Name, problems)
		}
		if k.deployments[c.namespace+"/"+made.Name] != nil {
			return nil, apierrors.NewAlreadyExists(c.kind(), made.Name)
		}
		k.deployments[c.namespace+"/"+made.Name] = made
		k.deploy(made)
		return made, nil
	case "delete deployments":
		if found := k.deployments[key]; found != nil {
			delete(k.deployments, key)
			k.remove(found)
			return &metav1.Status{Status: metav1.StatusSuccess}, nil
		}
	case "create configmaps":
		made := &corev1.ConfigMap{}
		if err := k.create(req, c, made); err != nil {
			return nil, err
		}
		if k.configMaps[c.namespace+"/"+made.Name] != nil {
			return nil, apierrors.NewAlreadyExists(c.kind(), made.Name)
		}
		k.configMaps[c.namespace+"/"+made.Name] = made
		return made, nil
	case "update configmaps":
		made := &corev1.ConfigMap{}
		if err := k.create(req, c, made); err != nil {
			return nil, err
		}
		if k.configMaps[key] != nil {
			k.configMaps[key] = made
			return made, nil
		}
	case "delete configmaps":
		if k.configMaps[key] != nil {
			delete(k.configMaps, key)
			return &metav1.Status{Status: metav1.StatusSuccess}, nil
		}
	case "list configmaps":
		list := &corev1.ConfigMapList{}
		for _, one := range k.configMaps {
			if one.Namespace == c.namespace && selector.Matches(labels.Set(one.Labels)) {
				list.Items = append(list.Items, *one)
			}
		}
		return list, nil
	case "list pods":
		list := &corev1.PodList{}
		for _, one := range k.pods {
			if one.Namespace == c.namespace && selector.Matches(labels.Set(one.Labels)) {
				list.Items = append(list.Items, one.Pod)
			}
		}
		return list, nil
	}
	return nil, apierrors.NewNotFound(c.kind(), c.name)
}

// Reads the body into `made`, checks what holds for every object, and gives it what a server adds.
func (k *cluster) create(req *http.Request, c call, made metav1.Object) error {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	object, ok := made.(runtime.Object)
	if !ok {
		return apierrors.NewInternalError(fmt.Errorf("%T is no object", made))
	}
	if _, _, err := codecs.UniversalDeserializer().Decode(body, nil, object); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if !slices.Contains(namespaces, c.namespace) {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, c.namespace)
	}
	if made.GetNamespace() != "" && made.GetNamespace() != c.namespace {
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	made.SetNamespace(c.namespace)
	if problems := checkMeta(made, field.NewPath("metadata")); len(problems) > 0 {
		return apierrors.NewInvalid(object.GetObjectKind().GroupVersionKind().GroupKind(), made.GetName(), problems)
	}
	made.SetCreationTimestamp(metav1.Now())
	return nil
}

func fail(w http.ResponseWriter, req *http.Request, err error) {
	status, ok := err.(apierrors.APIStatus)
	if !ok {
		status = apierrors.NewInternalError(err)
	}
	said := status.Status()
	write(w, req, int(said.Code), schema.GroupVersion{Version: "v1"}, &said)
}

// As the client wants it: Kubernetes' protobuf, or JSON.
func write(w http.ResponseWriter, req *http.Request, status int, group schema.GroupVersion, object runtime.Object) {
	mediaType := runtime.ContentTypeJSON
	if strings.HasPrefix(req.Header.Get("Accept"), runtime.ContentTypeProtobuf) {
		mediaType = runtime.ContentTypeProtobuf
	}
	info, _ := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), mediaType)
	if _, ok := object.(*metav1.Status); ok {
		group = schema.GroupVersion{Version: "v1"}
	}
	data, err := runtime.Encode(codecs.EncoderForVersion(info.Serializer, group), object)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// What kubectl asks before anything else.
var discovery = map[string]any{
	"/api":  metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}},
	"/apis": metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{{Name: "apps", Versions: []metav1.GroupVersionForDiscovery{appsVersion}, PreferredVersion: appsVersion}}},
	"/api/v1": metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "v1", APIResources: []metav1.APIResource{
		{Name: "configmaps", SingularName: "configmap", Namespaced: true, Kind: "ConfigMap", Verbs: metav1.Verbs{"create", "delete", "list", "update"}},
		{Name: "pods", SingularName: "pod", Namespaced: true, Kind: "Pod", Verbs: metav1.Verbs{"list"}},
	}},
	"/apis/apps/v1": metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "apps/v1", APIResources: []metav1.APIResource{
		{Name: "deployments", SingularName: "deployment", Namespaced: true, Kind: "Deployment", Verbs: metav1.Verbs{"create", "delete", "get", "list"}},
	}},
}

var appsVersion = metav1.GroupVersionForDiscovery{GroupVersion: "apps/v1", Version: "v1"}
