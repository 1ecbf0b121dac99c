package testenv

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// Tags of the images. They are kept; remove them to have them made anew.
const (
	exchangeTag = "testenv-exchange55:latest"
	slapdTag    = "testenv-slapd:bookworm"
)

// How long the steps of making an image may take. Pulling ends at once without
// a registry, and could take a quarter of an hour with one that does not answer.
const (
	exchangeLimit  = 5 * time.Minute
	pullLimit      = time.Minute
	installLimit   = 5 * time.Minute
	bootstrapLimit = 8 * time.Minute
)

// exchangeImage makes the image of the Exchange directory, a static program and
// nothing else, and returns that program for this machine. An image of an older
// program is replaced; with the same program nothing is to be done.
func exchangeImage(ctx context.Context, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	program, err := buildExchange(ctx, dir, "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-buildvcs=false")
	if err != nil {
		return "", err
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	return program, build(ctx, exchangeTag, "FROM scratch\nCOPY exchange55 /exchange55\nENTRYPOINT [\"/exchange55\"]\n", binary)
}

// build makes an image from a Dockerfile and a program.
func build(ctx context.Context, tag, dockerfile string, program []byte) error {
	archive, err := buildContext(dockerfile, program)
	if err != nil {
		return err
	}
	provider, err := newProvider()
	if err != nil {
		return err
	}
	defer func() { _ = provider.Close() }()
	var output bytes.Buffer
	repo, version, _ := bytes.Cut([]byte(tag), []byte(":"))
	request := &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		ContextArchive: archive, Repo: string(repo), Tag: string(version), KeepImage: true, BuildLogWriter: &output,
	}}
	if _, err := provider.BuildImage(ctx, request); err != nil {
		return fmt.Errorf("build the image %s: %w: %s", tag, err, output.Bytes())
	}
	return nil
}

func buildContext(dockerfile string, program []byte) (io.ReadSeeker, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range []struct {
		name    string
		content []byte
	}{{"Dockerfile", []byte(dockerfile)}, {"exchange55", program}} {
		if len(f.content) == 0 {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	return bytes.NewReader(archive.Bytes()), w.Close()
}

// slapdImage makes the image of slapd, unless it is there.
func slapdImage(ctx context.Context) error {
	provider, err := newProvider()
	if err != nil {
		return err
	}
	defer func() { _ = provider.Close() }()
	_, err = provider.Client().ImageInspect(ctx, slapdTag)
	if !errdefs.IsNotFound(err) {
		return err
	}
	pulled := installSlapd(ctx, provider.Client())
	if pulled == nil {
		return nil
	}
	if err := bootstrapSlapd(ctx, provider.Client()); err != nil {
		return fmt.Errorf("make the image %s: by pulling: %w; by debootstrap: %w", slapdTag, pulled, err)
	}
	return nil
}

// installSlapd installs slapd in a Debian image from the registry.
func installSlapd(ctx context.Context, engine client.APIClient) error {
	const base = "debian:bookworm-slim"
	pull, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	progress, err := engine.ImagePull(pull, base, client.ImagePullOptions{})
	if err == nil {
		err = progress.Wait(pull)
	}
	if err != nil {
		return fmt.Errorf("pull %s: %w", base, err)
	}
	ctx, cancel = context.WithTimeout(ctx, installLimit)
	defer cancel()
	return build(ctx, slapdTag, "FROM "+base+"\nRUN apt-get update -q && DEBIAN_FRONTEND=noninteractive "+
		"apt-get install -y -q --no-install-recommends slapd ldap-utils && rm -rf /var/lib/apt/lists/*\n", nil)
}

// bootstrapSlapd makes an image of a smallest Debian with slapd, from Debian's
// mirror.
func bootstrapSlapd(ctx context.Context, engine client.APIClient) (err error) {
	ctx, cancel := context.WithTimeout(ctx, bootstrapLimit)
	defer cancel()
	dir, err := os.MkdirTemp("", "testenv-slapd-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	system := filepath.Join(dir, "system")
	bootstrap := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "--include=slapd,ldap-utils", "bookworm", system)
	if out, failed := bootstrap.CombinedOutput(); failed != nil {
		return fmt.Errorf("debootstrap, which needs root, a Debian mirror and the package debootstrap: %w: %s", failed, lastLines(out))
	}
	pack := exec.CommandContext(ctx, "tar", "-C", system, "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "-c", ".")
	archive, err := pack.StdoutPipe()
	if err != nil {
		return err
	}
	if err = pack.Start(); err != nil {
		return err
	}
	result, err := engine.ImageImport(ctx, client.ImageImportSource{Source: archive, SourceName: "-"}, slapdTag, client.ImageImportOptions{})
	if err != nil {
		return errors.Join(err, pack.Wait())
	}
	defer func() { _ = result.Close() }()
	_, err = io.Copy(io.Discard, result) // until it is done
	return errors.Join(err, pack.Wait())
}

func lastLines(text []byte) []byte { return text[max(0, len(text)-400):] }
