package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

var errNotRunning = errors.New("unable to upgrade connection: container not found")

// A command in a pod, over SPDY as kubectl exec speaks it: https://github.com/kubernetes/kubelet/tree/v0.37.0/pkg/cri/streaming
func (k *cluster) exec(w http.ResponseWriter, req *http.Request, c call) {
	k.Lock()
	one := k.pods[c.namespace+"/"+c.name]
	running := one != nil && one.Status.Phase == corev1.PodRunning
	k.Unlock()
	if one == nil {
		fail(w, req, apierrors.NewNotFound(c.kind(), c.name))
		return
	}
	if !running {
		fail(w, req, apierrors.NewInternalError(errNotRunning))
		return
	}
	if protocol, err := httpstream.Handshake(req, w, remotecommand.SupportedStreamingProtocols); err != nil || protocol == "" {
		return
	}
	streams := make(chan httpstream.Stream, 8)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, req, func(stream httpstream.Stream, replySent <-chan struct{}) error {
		streams <- stream
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	query := req.URL.Query()
	expected := 1
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		if query.Get(name) == "true" || query.Get(name) == "1" {
			expected++
		}
	}
	byType := map[string]httpstream.Stream{}
	late := time.After(10 * time.Second)
	for len(byType) < expected {
		select {
		case stream := <-streams:
			byType[stream.Headers().Get(corev1.StreamType)] = stream
		case <-late:
			return
		}
	}
	command := one.machine.docker(req.Context(), append([]string{"exec", "--interactive", one.Name}, query["command"]...)...)
	if stream := byType[corev1.StreamTypeStdout]; stream != nil {
		command.Stdout = stream
	}
	if stream := byType[corev1.StreamTypeStderr]; stream != nil {
		command.Stderr = stream
	}
	if stream := byType[corev1.StreamTypeStdin]; stream != nil {
		stdin, err := command.StdinPipe()
		if err != nil {
			return
		}
		go func() {
			defer stdin.Close()
			buffer := make([]byte, 32<<10)
			for {
				n, err := stream.Read(buffer)
				if n > 0 {
					if _, err := stdin.Write(buffer[:n]); err != nil {
						return
					}
				}
				if err != nil {
					return
				}
			}
		}()
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Run() }()
	status := metav1.Status{Status: metav1.StatusSuccess}
	select {
	case err := <-ended:
		if err != nil {
			status = metav1.Status{Status: metav1.StatusFailure, Reason: remotecommand.NonZeroExitCodeReason, Message: "command terminated with non-zero exit code: " + err.Error()}
		}
	case <-conn.CloseChan():
		// The client has gone; what it called goes too.
		if command.Process != nil {
			_ = command.Process.Kill()
		}
		return
	}
	if stream := byType[corev1.StreamTypeError]; stream != nil {
		data, _ := json.Marshal(status)
		_, _ = stream.Write(data)
		_ = stream.Close()
	}
}
