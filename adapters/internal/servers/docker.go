package servers

import (
	"sync"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// docker is the address of a Docker daemon that answers, or "". Where there is no socket the search is over at once.
var docker = sync.OnceValue(func() string {
	log.SetDefault(log.NewNoopLogger()) // what matters is said in the test that asks
	answer := make(chan string, 1)
	go func() {
		provider, err := testcontainers.NewDockerProvider() // asks the daemon, and takes no context
		if err != nil {
			answer <- ""
			return
		}
		answer <- provider.Client().DaemonHost()
		_ = provider.Close() // the answer is there
	}()
	select {
	case host := <-answer:
		return host
	case <-time.After(3 * time.Second):
		return ""
	}
})
