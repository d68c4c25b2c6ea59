package main

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var namespaces = []string{"default", "builds"}

func checkMeta(made metav1.Object, path *field.Path) field.ErrorList {
	return validation.ValidateObjectMetaAccessor(made, true, validation.NameIsDNSSubdomain, path)
}

// What a server refuses of a Deployment as buildx writes it: https://kubernetes.io/docs/reference/kubernetes-api/apps/deployment-v1/
func checkDeployment(made *appsv1.Deployment) field.ErrorList {
	spec := field.NewPath("spec")
	var problems field.ErrorList
	selector, err := metav1.LabelSelectorAsSelector(made.Spec.Selector)
	if err != nil || selector.Empty() || !selector.Matches(labels.Set(made.Spec.Template.Labels)) {
		problems = append(problems, field.Invalid(spec.Child("template", "metadata", "labels"), made.Spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	problems = append(problems, metavalidation.ValidateLabels(made.Spec.Template.Labels, spec.Child("template", "metadata", "labels"))...)
	problems = append(problems, validation.ValidateAnnotations(made.Spec.Template.Annotations, spec.Child("template", "metadata", "annotations"))...)
	pod := spec.Child("template", "spec")
	problems = append(problems, metavalidation.ValidateLabels(made.Spec.Template.Spec.NodeSelector, pod.Child("nodeSelector"))...)
	for index, one := range made.Spec.Template.Spec.Tolerations {
		if one.Key == "" && one.Operator != corev1.TolerationOpExists {
			problems = append(problems, field.Invalid(pod.Child("tolerations").Index(index).Child("operator"), one.Operator, "operator must be Exists when `key` is empty"))
		}
		if !slices.Contains([]corev1.TolerationOperator{"", corev1.TolerationOpExists, corev1.TolerationOpEqual}, one.Operator) {
			problems = append(problems, field.NotSupported(pod.Child("tolerations").Index(index).Child("operator"), one.Operator, []corev1.TolerationOperator{corev1.TolerationOpEqual, corev1.TolerationOpExists}))
		}
	}
	mounted := map[string]bool{}
	for index, one := range made.Spec.Template.Spec.Containers {
		at := pod.Child("containers").Index(index)
		if one.Image == "" {
			problems = append(problems, field.Required(at.Child("image"), ""))
		}
		for name, most := range one.Resources.Limits {
			if least, ok := one.Resources.Requests[name]; ok && least.Cmp(most) > 0 {
				problems = append(problems, field.Invalid(at.Child("resources", "requests"), least.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, most.String())))
			}
		}
		for at2, mount := range one.VolumeMounts {
			if mounted[mount.MountPath] {
				problems = append(problems, field.Invalid(at.Child("volumeMounts").Index(at2).Child("mountPath"), mount.MountPath, "must be unique"))
			}
			mounted[mount.MountPath] = true
		}
	}
	return problems
}
