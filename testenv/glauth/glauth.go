// Package glauth runs a glauth with its own configuration as the back end, as it
// comes: it refuses every write with code 50, makes the names of its entries
// itself and adds attributes of accounts to them. It stands for directories
// that can only be read. It is for tests only.
//
// The program itself is not started, because one of its packages is not
// published; its own handler is served by its own library, with the filters that
// the program applies.
package glauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"

	"github.com/glauth/glauth/v2/pkg/config"
	"github.com/glauth/glauth/v2/pkg/handler"
	"github.com/glauth/ldap"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace/noop"
)

// Options say what the directory holds. Its groups are those of the users.
type Options struct {
	BaseDN string // in lower case
	Groups []Group
	Users  []User
}

// Group is a group of users, ou=NAME,ou=users,BASE.
type Group struct {
	Name   string
	Number int
}

// User is an account, cn=NAME,ou=GROUP,ou=users,BASE. It binds as
// cn=NAME,ou=GROUP,BASE.
type User struct {
	Name, GivenName, Surname, Mail string
	Group                          int // number of its group
	Password                       string
	MaySearch                      bool
}

// Server is a server that runs.
type Server struct {
	URL string // ldap://127.0.0.1:port

	server *ldap.Server
	served chan error
}

// Start starts a server. It runs until Close.
func Start(ctx context.Context, o Options) (*Server, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start glauth: %w", err)
	}
	s := &Server{URL: "ldap://" + listener.Addr().String(), server: ldap.NewServer(), served: make(chan error, 1)}
	s.server.EnforceLDAP = true
	back := o.handler()
	s.server.BindFunc("", back)
	s.server.SearchFunc("", back)
	s.server.AddFunc("", back)
	s.server.ModifyFunc("", back)
	s.server.DeleteFunc("", back)
	s.server.CloseFunc("", back)
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

// Close stops the server. Connections stay until their clients close them.
func (s *Server) Close() error {
	s.server.Close()
	if err := <-s.served; err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop glauth: %w", err)
	}
	return nil
}

// handler is glauth's own, over a configuration that holds what the options say.
func (o Options) handler() handler.Handler {
	back := config.Backend{
		BaseDN: o.BaseDN, Datastore: "config",
		NameFormat: "cn", NameFormatAsArray: []string{"cn"}, GroupFormat: "ou", GroupFormatAsArray: []string{"ou"},
	}
	c := &config.Config{Backends: []config.Backend{back}}
	for _, g := range o.Groups {
		c.Groups = append(c.Groups, config.Group{Name: g.Name, GIDNumber: g.Number})
	}
	for i, u := range o.Users {
		sum := sha256.Sum256([]byte(u.Password))
		user := config.User{
			Name: u.Name, GivenName: u.GivenName, SN: u.Surname, Mail: u.Mail,
			PrimaryGroup: u.Group, UIDNumber: 5000 + i, PassSHA256: hex.EncodeToString(sum[:]),
		}
		if u.MaySearch {
			user.Capabilities = []config.Capability{{Action: "search", Object: "*"}}
		}
		c.Users = append(c.Users, user)
	}
	quiet, tracer := zerolog.Nop(), noop.NewTracerProvider().Tracer("")
	return handler.NewConfigHandler(
		handler.Backend(back), handler.Config(c), handler.Logger(&quiet),
		handler.LDAPHelper(handler.NewLDAPOpsHelper(tracer)), handler.Monitor(unwatched{}), handler.Tracer(tracer),
	)
}

// unwatched is glauth's monitor where nobody looks.
type unwatched struct{}

func (unwatched) SetResponseTimeMetric(map[string]string, float64) error { return nil }
func (unwatched) SetLDAPMetric(map[string]string, float64) error         { return nil }
