package ldapsrc_test

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// paste gives a traced search to a shell, and the password to who asks for it.
func paste(t *testing.T, line string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("ldapsearch"); err != nil {
		t.Skipf("needs package ldap-utils: %v", err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", line)
	shell.Stdin = strings.NewReader(password + "\n")
	// Without a terminal the password is read from standard input.
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := shell.CombinedOutput()
	return strings.TrimPrefix(string(out), "Enter LDAP Password: "), err
}
