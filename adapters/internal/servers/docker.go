package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/ory/dockertest/v3"
	dockerclient "github.com/ory/dockertest/v3/docker"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// How long Docker may take. Its clients do not honour a context in every call, see within.
var (
	answersWithin = 5 * time.Second
	startsWithin  = 5 * time.Minute // the image may have to be fetched
)

// engine is a Docker engine that answers.
type engine struct {
	pool *dockertest.Pool
	host string // the name or address of the machine on which it publishes ports
}

// publishes returns the address on which containers publish their ports: the loopback address if
// that is where this process looks for them, else every address of the engine's machine, which is
// "".
func (e engine) publishes() string {
	if ip := net.ParseIP(e.host); e.host == "localhost" || ip != nil && ip.IsLoopback() {
		return "127.0.0.1"
	}
	return ""
}

// docker looks for an engine. It returns nil if there is none, and an error if there is one that
// does not answer. Without a socket the search ends immediately.
var docker = sync.OnceValues(func() (*engine, error) {
	log.SetDefault(log.NewNoopLogger()) // the test that asks prints what matters
	e, err := within(answersWithin, func(ctx context.Context) (*engine, error) {
		provider, err := testcontainers.NewDockerProvider() // asks for /info
		if err != nil {
			return nil, err
		}
		defer func() { _ = provider.Close() }() // everything has been read
		host, err := provider.DaemonHost(ctx)
		if err != nil {
			return nil, err
		}
		pool, err := dockertest.NewPool(provider.Client().DaemonHost())
		if err != nil {
			return nil, err
		}
		// An engine that hangs may still answer /info. This answer only has to come.
		_, _ = pool.Client.ListContainers(dockerclient.ListContainersOptions{Limit: 1, Context: ctx})
		return &engine{pool, host}, ctx.Err()
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("docker did not answer: %w", err)
	}
	if err != nil {
		return nil, nil // there is no engine
	}
	return e, nil
})

// inDocker starts a server in Docker and returns its address. If that fails, or there is no Docker,
// it returns advice for the user about Docker, and the error of the attempt, if there was one.
func inDocker(server string, start func(context.Context, *engine) (string, error)) (address, advice, failed string) {
	e, err := docker()
	if err != nil {
		return "", "restart Docker, which does not answer", err.Error()
	}
	if e == nil {
		return "", "start Docker", ""
	}
	address, err = within(startsWithin, func(ctx context.Context) (string, error) { return start(ctx, e) })
	if err != nil {
		return "", "repair Docker", fmt.Sprintf("Docker runs, but %s does not start in it: %v", server, err)
	}
	return address, "", ""
}

// within returns what do returns, or an error that is context.DeadlineExceeded if do takes longer.
// Then do continues alone, with a context that has ended, until the call that holds it up returns.
func within[T any](limit time.Duration, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		value, err := do(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(limit + limit/10): // the error of do is more specific, if do returns one
		var zero T
		return zero, fmt.Errorf("no answer within %v: %w", limit, context.DeadlineExceeded)
	}
}
