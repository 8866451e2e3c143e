package servers

import (
	"io"
	"strconv"
	"time"

	dockerclient "github.com/ory/dockertest/v3/docker"
)

// comesWithin is how long a container waits for its leash.
const comesWithin = time.Minute

// leashed is the entrypoint of a container. It is process 1, and starts the entrypoint of the
// image. It ends, and with it the container, when the server ends, when the leash is released, or
// when no leash comes because the test process was killed before it could hold one. Docker removes
// a container that has ended, with its volumes (AutoRemove). The server is not process 1, because
// unknown processes would then become its children.
const leashed = `
held=$1 left=$2
shift 2
docker-entrypoint.sh "$@" &
server=$!
trap 'kill -9 $server 2>/dev/null' EXIT
trap 'exit 143' TERM
until [ -e "$held" ]; do
	kill -0 $server 2>/dev/null && [ $left -gt 0 ] || exit 1
	left=$((left - 1))
	sleep 1
done
while [ -e "$held" ] && kill -0 $server 2>/dev/null; do
	sleep 1
done
`

// hold runs in the container as long as the test process runs: its input ends with that process.
const hold = `touch "$1" && cat >/dev/null; rm -f "$1"`

// held is the file in the container that exists while the leash is held.
const held = "/tmp/cicerone-held"

func leashedEntrypoint() []string {
	return []string{"sh", "-c", leashed, "sh", held, strconv.Itoa(int(comesWithin.Seconds()))}
}

// holdLeash holds the leash of a container that has started until this process ends.
func holdLeash(docker *dockerclient.Client, container string) error {
	exec, err := docker.CreateExec(dockerclient.CreateExecOptions{
		Container: container, Cmd: []string{"sh", "-c", hold, "sh", held},
		AttachStdin: true, AttachStdout: true, AttachStderr: true, // otherwise StartExec does not wait
	})
	if err != nil {
		return err
	}
	input, _ := io.Pipe() // never written to
	go func() {
		// StartExec returns when the container has ended, so its error does not matter.
		_ = docker.StartExec(exec.ID, dockerclient.StartExecOptions{
			InputStream: input, OutputStream: io.Discard, ErrorStream: io.Discard,
		})
	}()
	return nil
}
