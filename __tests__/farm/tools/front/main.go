// The network front of one machine, run inside its network namespace: the wire in front of its sshd, and the registries on
// its own 127.0.0.1, where engines take plain HTTP without being told. These go over the machine's link, so a cut machine
// loses the registries too.
//
// front '{"address":"10.0.0.11","gateway":"10.0.0.1","sshPorts":[22],"registryPorts":[5000]}': prints a JSON line when it
// is ready and one for each connection to an sshd, reads lines like {"rttMs":50}, and ends with its standard input.
//
// front serve /a/directory 127.0.0.1 10.0.0.1: serves the files below, on one port of these addresses, which it prints as
// a JSON line; also until its standard input ends.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type setup struct {
	Address       string `json:"address"`
	Gateway       string `json:"gateway"`
	SSHPorts      []int  `json:"sshPorts"`
	RegistryPorts []int  `json:"registryPorts"`
}

type event struct {
	Ready      bool `json:"ready,omitempty"`
	Connection int  `json:"connection,omitempty"`
	Port       int  `json:"port,omitempty"`
}

// The round trip to pretend, in nanoseconds.
var rtt atomic.Int64

func main() {
	if len(os.Args) > 4 && os.Args[1] == "serve" {
		serve(http.FileServer(http.Dir(os.Args[2])), os.Args[3:])
		return
	}
	var given setup
	if err := json.Unmarshal([]byte(os.Args[1]), &given); err != nil {
		log.Fatal(err)
	}
	var telling sync.Mutex
	tell := func(what event) {
		telling.Lock()
		defer telling.Unlock()
		_ = json.NewEncoder(os.Stdout).Encode(what)
	}
	for _, port := range given.RegistryPorts {
		lead(at("127.0.0.1", port), func(near *net.TCPConn) { join(near, at(given.Gateway, port), plain) })
	}
	for _, port := range given.SSHPorts {
		await(at("127.0.0.1", port))
		lead(at(given.Address, port), func(near *net.TCPConn) {
			tell(event{Connection: port})
			time.Sleep(time.Duration(rtt.Load()))
			join(near, at("127.0.0.1", port), delayed)
		})
	}
	tell(event{Ready: true})

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var order struct {
			RttMs float64 `json:"rttMs"`
		}
		if err := json.Unmarshal(lines.Bytes(), &order); err == nil {
			rtt.Store(int64(order.RttMs * float64(time.Millisecond)))
		}
	}
}

func serve(files http.Handler, hosts []string) {
	port := 0
	for _, host := range hosts {
		listener, err := net.Listen("tcp", at(host, port))
		if err != nil {
			log.Fatal(err)
		}
		port = listener.Addr().(*net.TCPAddr).Port
		go func() { log.Fatal(http.Serve(listener, files)) }()
	}
	_ = json.NewEncoder(os.Stdout).Encode(event{Port: port})
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func at(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func await(address string) {
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func lead(address string, take func(*net.TCPConn)) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				log.Fatal(err)
			}
			go take(near.(*net.TCPConn))
		}
	}()
}

// Leads a connection on to another address, each way on its own.
func join(near *net.TCPConn, to string, carry func(from, to *net.TCPConn) error) {
	conn, err := net.Dial("tcp", to)
	if err != nil {
		reset(near)
		return
	}
	far := conn.(*net.TCPConn)
	ends := make(chan error, 2)
	go func() { ends <- carry(near, far) }()
	go func() { ends <- carry(far, near) }()
	// A proper end is passed on in its turn; a broken connection breaks the other one.
	for range 2 {
		if err := <-ends; err != nil {
			reset(near)
			reset(far)
		}
	}
	near.Close()
	far.Close()
}

func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	conn.Close()
}

// The kernel moves the bytes.
func plain(from, to *net.TCPConn) error {
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return to.CloseWrite()
}

type chunk struct {
	due  time.Time
	data []byte
	err  error
}

const size = 32 << 10

// Under way in one direction before the sender is made to wait: 4 MiB, ample for 100 ms at 300 Mbit/s.
const window = (4 << 20) / size

// A wire with latency: every chunk arrives half a round trip late. It delays, it does not throttle.
func delayed(from, to *net.TCPConn) error {
	chunks := make(chan chunk, window)
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		for {
			data := make([]byte, size)
			n, err := from.Read(data)
			select {
			case chunks <- chunk{time.Now().Add(time.Duration(rtt.Load() / 2)), data[:n], err}:
			case <-gone:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		next := <-chunks
		time.Sleep(time.Until(next.due))
		if len(next.data) > 0 {
			if _, err := to.Write(next.data); err != nil {
				return err
			}
		}
		if errors.Is(next.err, io.EOF) {
			return to.CloseWrite()
		}
		if next.err != nil {
			return next.err
		}
	}
}
