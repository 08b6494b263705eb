// Httpserver is a workload for images of tests: a Go HTTP server, and clients
// that hold many connections to it at once.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err == nil {
		err = run(n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run makes n requests over as many connections, all open at the same time.
func run(n int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	all.Add(n)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		all.Done()
		all.Wait()
		_, _ = io.WriteString(w, "hello\n") // to a client that may be gone
	})}
	go server.Serve(listener) //nolint:errcheck // ends with the program
	answers := make(chan error, n)
	for range n {
		go func() { answers <- get("http://" + listener.Addr().String()) }()
	}
	for range n {
		if err := <-answers; err != nil {
			return err
		}
	}
	fmt.Println(n, "answers")
	return nil
}

func get(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && string(body) != "hello\n" {
		err = fmt.Errorf("answer %q", body)
	}
	return err
}
