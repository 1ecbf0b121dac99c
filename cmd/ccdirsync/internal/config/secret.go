package config

import (
	"fmt"
	"os"
	"strings"
)

// Secret reads a password from a file or, by the lookup function, from the
// environment. Line ends at its end are not part of it. Errors never hold it.
func (f File) Secret(file, env string, lookup func(string) (string, bool)) (string, error) {
	switch {
	case file != "":
		data, err := os.ReadFile(f.Path(file))
		if err != nil {
			return "", fmt.Errorf("read the password file: %w", err)
		}
		return strings.TrimRight(string(data), "\r\n"), nil
	case env != "":
		secret, set := lookup(env)
		if !set {
			return "", fmt.Errorf("the environment has no variable %s, which password_env names", env)
		}
		return secret, nil
	default:
		return "", nil
	}
}
