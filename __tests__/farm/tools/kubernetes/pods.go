package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

type machine struct {
	arch, engine string
}

func (m *machine) docker(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "docker", append([]string{"--host", m.engine}, args...)...)
}

func (m *machine) labels() labels.Set {
	return labels.Set{corev1.LabelArchStable: m.arch, corev1.LabelOSStable: "linux"}
}

type pod struct {
	corev1.Pod
	machine *machine
	cancel  context.CancelFunc
}

type cluster struct {
	sync.Mutex
	machines    []*machine
	deployments map[string]*appsv1.Deployment
	configMaps  map[string]*corev1.ConfigMap
	pods        map[string]*pod
	work        sync.WaitGroup
	count       int
}

func newCluster(machines []*machine) *cluster {
	return &cluster{machines: machines, deployments: map[string]*appsv1.Deployment{}, configMaps: map[string]*corev1.ConfigMap{}, pods: map[string]*pod{}}
}

// The Deployment with how many of its pods are ready.
func (k *cluster) counted(one *appsv1.Deployment) *appsv1.Deployment {
	copy := one.DeepCopy()
	for _, pod := range k.podsOf(one) {
		copy.Status.Replicas++
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				copy.Status.ReadyReplicas++
			}
		}
	}
	return copy
}

func (k *cluster) podsOf(one *appsv1.Deployment) []*pod {
	var found []*pod
	for _, pod := range k.pods {
		if pod.Namespace == one.Namespace && labels.SelectorFromSet(one.Spec.Selector.MatchLabels).Matches(labels.Set(pod.Labels)) {
			found = append(found, pod)
		}
	}
	return found
}

func (k *cluster) deploy(one *appsv1.Deployment) {
	replicas := int32(1)
	if one.Spec.Replicas != nil {
		replicas = *one.Spec.Replicas
	}
	for range replicas {
		k.count++
		ctx, cancel := context.WithCancel(context.Background())
		made := &pod{cancel: cancel, Pod: corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-5d4f8-%05d", one.Name, k.count), Namespace: one.Namespace, Labels: one.Spec.Template.Labels, Annotations: one.Spec.Template.Annotations},
			Spec:       *one.Spec.Template.Spec.DeepCopy(),
			Status:     corev1.PodStatus{Phase: corev1.PodPending},
		}}
		for _, machine := range k.machines {
			if labels.SelectorFromSet(made.Spec.NodeSelector).Matches(machine.labels()) {
				made.machine = machine
			}
		}
		k.pods[made.Namespace+"/"+made.Name] = made
		// Without a machine it stays as it is, as in a cluster that has none.
		if made.machine != nil {
			k.work.Go(func() { k.run(ctx, made) })
		}
	}
}

func (k *cluster) remove(one *appsv1.Deployment) {
	for _, pod := range k.podsOf(one) {
		now := metav1.Now()
		pod.DeletionTimestamp = &now
		pod.cancel()
		if pod.machine == nil {
			delete(k.pods, pod.Namespace+"/"+pod.Name)
		}
	}
}

func (k *cluster) end() {
	k.Lock()
	for _, one := range k.deployments {
		k.remove(one)
	}
	k.Unlock()
	k.work.Wait()
}

// Runs a pod until it is deleted; one whose container ends is started anew, as a Deployment's is.
func (k *cluster) run(ctx context.Context, one *pod) {
	for ctx.Err() == nil {
		if err := k.start(ctx, one); err != nil {
			log.Printf("%s: %v", one.Name, err)
			time.Sleep(time.Second)
			continue
		}
		k.tell(one, corev1.PodRunning, corev1.ConditionFalse)
		for ctx.Err() == nil && k.isRunning(ctx, one) && !k.isReady(ctx, one) {
			time.Sleep(100 * time.Millisecond)
		}
		// It stays ready until its container ends: a probe every 100 ms would take more processor time than the builds.
		_ = one.machine.docker(ctx, "wait", one.Name).Run()
		k.tell(one, corev1.PodPending, corev1.ConditionFalse)
	}
	_ = one.machine.docker(context.Background(), "rm", "--force", "--volumes", one.Name).Run()
	k.Lock()
	delete(k.pods, one.Namespace+"/"+one.Name)
	k.Unlock()
}

func (k *cluster) start(ctx context.Context, one *pod) error {
	_ = one.machine.docker(ctx, "rm", "--force", "--volumes", one.Name).Run()
	container := one.Spec.Containers[0]
	// The farm's engines have no network of their own.
	args := []string{"create", "--name", one.Name, "--network", "host", "--volume", "/var/lib/buildkit"}
	if context := container.SecurityContext; context != nil && context.Privileged != nil && *context.Privileged {
		args = append(args, "--privileged")
	}
	for _, variable := range container.Env {
		args = append(args, "--env", variable.Name+"="+variable.Value)
	}
	if err := said(one.machine.docker(ctx, append(append(args, container.Image), container.Args...)...)); err != nil {
		return err
	}
	if err := k.mount(ctx, one, container); err != nil {
		return err
	}
	return said(one.machine.docker(ctx, "start", one.Name))
}

// The files of its ConfigMaps, where it wants them.
func (k *cluster) mount(ctx context.Context, one *pod, container corev1.Container) error {
	dir, err := os.MkdirTemp("", "pod-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, mount := range container.VolumeMounts {
		for _, volume := range one.Spec.Volumes {
			if volume.Name != mount.Name || volume.ConfigMap == nil {
				continue
			}
			k.Lock()
			found := k.configMaps[one.Namespace+"/"+volume.ConfigMap.Name]
			k.Unlock()
			if found == nil {
				return fmt.Errorf("MountVolume.SetUp failed: configmap %q not found", volume.ConfigMap.Name)
			}
			for name, text := range found.Data {
				path := filepath.Join(dir, mount.MountPath, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					return err
				}
			}
		}
	}
	return said(one.machine.docker(ctx, "cp", dir+"/.", one.Name+":/"))
}

func (k *cluster) isRunning(ctx context.Context, one *pod) bool {
	out, err := one.machine.docker(ctx, "inspect", "--format", "{{.State.Running}}", one.Name).Output()
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

// Whether its container passes the probe of the Deployment; notes that it does.
func (k *cluster) isReady(ctx context.Context, one *pod) bool {
	probe := one.Spec.Containers[0].ReadinessProbe
	if probe != nil && probe.Exec != nil && one.machine.docker(ctx, append([]string{"exec", one.Name}, probe.Exec.Command...)...).Run() != nil {
		return false
	}
	k.tell(one, corev1.PodRunning, corev1.ConditionTrue)
	return true
}

func (k *cluster) tell(one *pod, phase corev1.PodPhase, ready corev1.ConditionStatus) {
	k.Lock()
	defer k.Unlock()
	one.Status.Phase = phase
	one.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
}

func said(command *exec.Cmd) error {
	var words bytes.Buffer
	command.Stderr = &words
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(words.String()))
	}
	return nil
}
