package postgrestest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

// TestDiskFull fills the disk of the tables while a store is in use. Writes fail and reads succeed.
// When there is space again, everything works without a restart, and all acknowledged writes are
// there.
func TestDiskFull(t *testing.T) {
	server := servers.OwnPostgres(t, servers.PostgresOptions{})
	disk := workload.SmallDisk(t, 48)
	t.Cleanup(server.Stop) // before the disk is unmounted
	tablesOn(t, server.DSN("postgres"), disk)
	s := serve(t, server.DSN("postgres"), impatient)
	w := &workload.Writers{Community: s.Community, Pairs: s.pairs}
	refused := 0
	for range size(2, 20) { // the disk may fill up more than once
		w.Send(t, 40)
		filler := filepath.Join(disk, "filler")
		workload.Fill(t, filler)
		for try := 0; len(w.Refused) < 20; try++ {
			if try > 200 {
				t.Fatal("writes succeed on a full disk")
			}
			w.Send(t, 8)
		}
		w.Read(t, s.storage)
		refused += len(w.Refused)
		must(t, os.Remove(filler))
		w.Repeat(t)
	}
	w.Judge(t)
	t.Attr("counts", fmt.Sprintf("%d acknowledged, %d answers 503", len(w.Acknowledged), refused))
}

// tablesOn moves the tables of a database to a disk. The write-ahead log stays in its place.
func tablesOn(t *testing.T, dsn, disk string) {
	t.Helper()
	conn := connect(t, dsn)
	var data string
	must(t, conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data))
	server, err := os.Stat(data)
	must(t, err)
	must(t, os.Chmod(filepath.Dir(disk), 0o755)) // #nosec G302 -- the server must be able to enter the folder
	folder := filepath.Join(disk, "tables")
	must(t, os.Mkdir(folder, 0o700))
	owner := server.Sys().(*syscall.Stat_t)
	must(t, os.Chown(folder, int(owner.Uid), int(owner.Gid)))
	for _, command := range []string{
		"CREATE TABLESPACE small LOCATION '" + folder + "'",
		"ALTER DATABASE postgres SET default_tablespace = small",
	} {
		_, err := conn.Exec(t.Context(), command)
		must(t, err)
	}
	must(t, conn.Close(t.Context()))
}

// TestLogDiskFull fills the disk of the whole server, which cannot write its log and ends. After a
// restart, all acknowledged writes are there.
func TestLogDiskFull(t *testing.T) {
	disk := workload.SmallDisk(t, 160)
	server := servers.OwnPostgres(t, servers.PostgresOptions{Folder: disk, Settings: map[string]string{"wal_recycle": "off", "max_wal_size": "32MB"}})
	l := newLife(t, serve(t, server.DSN("postgres"), impatient))
	w := &workload.Writers{Community: l.Community, Pairs: l.pairs}
	for range size(1, 10) {
		l.Work()
		filler := filepath.Join(disk, "filler")
		workload.Fill(t, filler)
		for try := 0; len(w.Refused) < 20; try++ {
			if try > 2000 {
				t.Fatal("writes succeed on a full disk")
			}
			w.Send(t, 8)
		}
		must(t, os.Remove(filler))
		server.Kill() // its remaining processes
		server.Start()
		l.Healed()
		w.Repeat(t)
	}
	w.Judge(t)
	l.End(fmt.Sprintf("%d long messages acknowledged", len(w.Acknowledged)))
}
