// An SSH server that admits every client by the method `none`, as Tailscale SSH does for the machines of a network. It
// runs commands as one user, and has no channel type for sockets.
//
// keyless-ssh 10.0.0.11:2224 /path/to/host_key ci: prints a line when it listens. A fourth argument is a banner, after
// which clients wait for a confirmation that does not come.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/crypto/ssh"
)

func main() {
	key, err := os.ReadFile(os.Args[2])
	fail(err)
	signer, err := ssh.ParsePrivateKey(key)
	fail(err)
	login, err := user.Lookup(os.Args[3])
	fail(err)
	config := &ssh.ServerConfig{NoClientAuth: true}
	if len(os.Args) > 4 {
		config.BannerCallback = func(ssh.ConnMetadata) string { return os.Args[4] + "\n" }
		config.NoClientAuthCallback = func(ssh.ConnMetadata) (*ssh.Permissions, error) { select {} }
	}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", os.Args[1])
	fail(err)
	fmt.Println("listens")
	for {
		connection, err := listener.Accept()
		fail(err)
		go serve(connection, config, login)
	}
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func serve(connection net.Conn, config *ssh.ServerConfig, login *user.User) {
	defer connection.Close()
	client, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		log.Print(err)
		return
	}
	if client.User() != login.Username {
		log.Printf("%s is not admitted", client.User())
		return
	}
	// Answers the requests by which a client checks the connection.
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "unsupported channel type")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go session(channel, requests, login)
	}
}

// One command; pipes and exit code as OpenSSH has them.
func session(channel ssh.Channel, requests <-chan *ssh.Request, login *user.User) {
	defer channel.Close()
	for request := range requests {
		var command struct{ Line string }
		if request.Type != "exec" || ssh.Unmarshal(request.Payload, &command) != nil {
			_ = request.Reply(request.Type == "env", nil)
			continue
		}
		_ = request.Reply(true, nil)
		go ssh.DiscardRequests(requests)
		code := run(channel, command.Line, login)
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
		return
	}
}

func run(channel ssh.Channel, line string, login *user.User) uint32 {
	command := exec.Command("/bin/bash", "-c", line)
	command.Dir = login.HomeDir
	command.Env = []string{"HOME=" + login.HomeDir, "USER=" + login.Username, "PATH=/usr/bin:/bin"}
	command.Stdout, command.Stderr = channel, channel.Stderr()
	command.SysProcAttr = &syscall.SysProcAttr{Credential: credential(login)}
	input, err := command.StdinPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		log.Print(err)
		return 255
	}
	go func() {
		_, _ = io.Copy(input, channel)
		_ = input.Close()
	}()
	var failure *exec.ExitError
	if errors.As(command.Wait(), &failure) {
		return uint32(failure.ExitCode())
	}
	return 0
}

func credential(login *user.User) *syscall.Credential {
	result := &syscall.Credential{Uid: number(login.Uid), Gid: number(login.Gid)}
	groups, err := login.GroupIds()
	fail(err)
	for _, group := range groups {
		result.Groups = append(result.Groups, number(group))
	}
	return result
}

func number(text string) uint32 {
	value, err := strconv.ParseUint(text, 10, 32)
	fail(err)
	return uint32(value)
}
