package servers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// fakeDocker is an engine that answers /info and the paths in answers. It returns the error "the
// network is down" for all other paths.
type fakeDocker struct {
	host    string            // the variable DOCKER_HOST
	answers map[string]string // by path; "" means never to answer

	mu    sync.Mutex
	asked map[string]string // the bodies of requests, by path
}

func newFakeDocker(t *testing.T, answers map[string]string) *fakeDocker {
	t.Helper()
	d := &fakeDocker{answers: answers, asked: map[string]string{}}
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path := r.URL.Path
		if strings.HasPrefix(path, "/v1.") { // a version of the protocol
			path = path[1+strings.IndexByte(path[1:], '/'):]
		}
		d.mu.Lock()
		d.asked[path] = string(body)
		d.mu.Unlock()
		answer, known := d.answers[path]
		switch {
		case known && answer == "":
			<-ended
		case known:
		case slices.Contains([]string{"/_ping", "/info", "/version"}, path):
			answer = "{}"
		}
		w.Header().Set("Content-Type", "application/json")
		if answer == "" {
			w.WriteHeader(http.StatusInternalServerError)
			answer = `{"message": "the network is down"}`
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Log(err) // the child has ended
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	d.host = "DOCKER_HOST=tcp://" + server.Listener.Addr().String()
	return d
}

// TestDockerFails uses an engine that cannot fetch an image, or does not answer. The reason is
// printed, and another server is found if there is one.
func TestDockerFails(t *testing.T) {
	servers.NeedBinaries(t)
	down := map[string]string{}
	mute := map[string]string{"/_ping": "", "/info": "", "/version": ""}
	slow := map[string]string{"/containers/json": ""}
	stalls := map[string]string{
		"/containers/json": "[]", "/images/mongo:8.0/json": "", "/images/postgres:17-alpine/json": "", "/networks": "",
	}
	for _, c := range []struct {
		name, job, machine string
		answers            map[string]string
		verdict            string
		reasons            []string
	}{
		{"fails", "Postgres", "docker", down, "SKIP", []string{"Docker runs, but PostgreSQL", "the network is down", "repair Docker"}},
		{"fails", "Mongo", "docker", down, "SKIP", []string{"Docker runs, but MongoDB", "the network is down", "repair Docker"}},
		{"fails, binaries", "Postgres", "everything", down, "PASS", []string{"Docker runs, but", "the network is down"}},
		{"mute", "Postgres", "docker", mute, "SKIP", []string{"docker did not answer", "restart Docker, which does not answer"}},
		{"mute", "Mongo", "docker", mute, "SKIP", []string{"docker did not answer", "restart Docker, which does not answer"}},
		{"mute, binaries", "Postgres", "everything", mute, "PASS", []string{"docker did not answer"}},
		{"mute after /info", "Mongo", "docker", slow, "SKIP", []string{"docker did not answer", "restart Docker, which does not answer"}},
		{"stalls", "Postgres", "docker", stalls, "SKIP", []string{"PostgreSQL does not start in it", "deadline exceeded"}},
		{"stalls", "Mongo", "docker", stalls, "SKIP", []string{"MongoDB does not start in it", "no answer within", "deadline exceeded"}},
	} {
		t.Run(c.name+"/"+c.job, func(t *testing.T) {
			t.Parallel()
			engine := newFakeDocker(t, c.answers)
			verdict, output := outcome(t, command(c.job, c.machine, engine.host, "TESTCONTAINERS_RYUK_DISABLED=true"))
			if verdict != c.verdict {
				t.Errorf("%s, want %s:\n%s", verdict, c.verdict, output)
			}
			for _, reason := range c.reasons {
				if !strings.Contains(output, reason) {
					t.Errorf("no %q in:\n%s", reason, output)
				}
			}
		})
	}
}

// created is the body of a request that creates a container.
type created struct {
	Env, Entrypoint, Cmd []string
	HostConfig           struct {
		AutoRemove, PublishAllPorts bool
		ExtraHosts                  []string
		PortBindings                map[string][]struct {
			HostIP   string `json:"HostIp"`
			HostPort string
		}
	}
}

// TestDockerContainers checks the requests to the engine. A container on this machine is reachable
// only from this machine. It has a random password, ends with the process, and is then removed.
func TestDockerContainers(t *testing.T) {
	const remote = "engine.invalid"
	for _, job := range []string{"Postgres", "Mongo"} {
		for _, host := range []string{"", remote} {
			t.Run(job+"/"+host, func(t *testing.T) {
				t.Parallel()
				engine := newFakeDocker(t, map[string]string{
					"/containers/json": "[]", "/networks": `[{"Name": "bridge", "Id": "1"}]`,
					"/images/mongo:8.0/json": "{}", "/images/postgres:17-alpine/json": "{}",
					"/containers/create": `{"Id": "abcdefabcdef"}`, "/containers/abcdefabcdef/start": "{}",
					"/containers/abcdefabcdef/json": `{"Id": "abcdefabcdef", "State": {"Running": true}, "NetworkSettings": {}}`,
				})
				env := []string{engine.host, "TESTCONTAINERS_RYUK_DISABLED=true"}
				published := "127.0.0.1"
				if host != "" {
					env, published = append(env, "TESTCONTAINERS_HOST_OVERRIDE="+host), ""
				}
				verdict, output := outcome(t, command(job, "docker", env...))
				if verdict != "SKIP" || !strings.Contains(output, "the network is down") {
					t.Errorf("%s:\n%s", verdict, output)
				}
				engine.mu.Lock()
				defer engine.mu.Unlock()
				var c created
				if err := json.Unmarshal([]byte(engine.asked["/containers/create"]), &c); err != nil {
					t.Fatalf("%v:\n%s", err, output)
				}
				if !c.HostConfig.AutoRemove || c.HostConfig.PublishAllPorts {
					t.Errorf("host configuration %+v", c.HostConfig)
				}
				for port, bindings := range c.HostConfig.PortBindings {
					if len(bindings) != 1 || bindings[0].HostIP != published || bindings[0].HostPort == "" {
						t.Errorf("port %s is published as %+v, want on %q", port, bindings, published)
					}
				}
				if len(c.HostConfig.PortBindings) != 1 {
					t.Errorf("ports %v", c.HostConfig.PortBindings)
				}
				if !slices.Contains(c.Entrypoint, servers.Leashed) {
					t.Errorf("entrypoint %q", c.Entrypoint)
				}
				var leash struct {
					AttachStdin bool
					Cmd         []string
				}
				if err := json.Unmarshal([]byte(engine.asked["/containers/abcdefabcdef/exec"]), &leash); err != nil {
					t.Fatal(err)
				}
				if !leash.AttachStdin || !slices.Contains(leash.Cmd, servers.Hold) {
					t.Errorf("the leash is %+v", leash)
				}
				if job == "Mongo" {
					if named := slices.Contains(c.HostConfig.ExtraHosts, remote+":127.0.0.1"); named != (host != "") {
						t.Errorf("extra hosts are %q", c.HostConfig.ExtraHosts)
					}
					return
				}
				at := slices.IndexFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "POSTGRES_PASSWORD=") })
				if at < 0 || len(c.Env[at]) != len("POSTGRES_PASSWORD=")+32 {
					t.Errorf("the password is not random: %q", c.Env)
				}
			})
		}
	}
}
