// Copyright (C) the nginx-acme-ca authors

package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Answers challenges for the libraries that have no servers of their own.
type server struct {
	sync.Mutex
	tokens map[string]string           // path => key authorization
	certs  map[string]*tls.Certificate // server name => certificate
}

func newServer(at place) (*server, error) {
	s := &server{tokens: map[string]string{},
		certs: map[string]*tls.Certificate{}}

	plain, err := net.Listen("tcp", "127.0.0.1:"+at.httpPort)
	if err != nil {
		return nil, err
	}
	go http.Serve(plain, s)

	secure, err := tls.Listen("tcp", "127.0.0.1:"+at.tlsPort, &tls.Config{
		NextProtos: []string{"acme-tls/1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (
			*tls.Certificate, error) {
			s.Lock()
			defer s.Unlock()
			return s.certs[hello.ServerName], nil
		},
	})
	if err != nil {
		return nil, err
	}
	go s.handshakes(secure)

	return s, nil
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	text, ok := s.tokens[r.URL.Path]
	s.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write([]byte(text))
}

func (s *server) handshakes(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			conn.(*tls.Conn).Handshake()
		}()
	}
}

func (s *server) serve(path, text string) {
	s.Lock()
	defer s.Unlock()
	s.tokens[path] = text
}

func (s *server) present(name string, cert *tls.Certificate) {
	s.Lock()
	defer s.Unlock()
	s.certs[strings.ToLower(name)] = cert
}
