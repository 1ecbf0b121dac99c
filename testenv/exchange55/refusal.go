package exchange55

import (
	"fmt"

	"github.com/glauth/ldap"
)

// refusal is why a request is not done: an LDAP result code and a text for
// the client.
type refusal struct {
	code       ldap.LDAPResultCode
	diagnostic string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("LDAP result %d: %s", r.code, r.diagnostic)
}

func refuse(code ldap.LDAPResultCode, format string, values ...any) *refusal {
	return &refusal{code: code, diagnostic: fmt.Sprintf(format, values...)}
}
