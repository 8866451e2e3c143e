package httpapi_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// photo returns a JPEG of about 5 MiB: 24 megapixels in the full size.
func photo(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	seed := uint64(88172645463325252)
	for i := range m.Y {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		m.Y[i] = byte(i/w/16) + byte(seed>>32)&7
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = 120, 140
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 75}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bodiesAtOnce is how many bodies of 7 MiB fit into 64 MiB.
const bodiesAtOnce = 9

// TestFortyUploads sends forty images, as many at once as the server's budget of bodies has room for,
// and repeats those that find the decoder busy. The collector is told of a limit, as by GOMEMLIMIT:
// without one it lets garbage grow to the size of what is in use.
func TestFortyUploads(t *testing.T) {
	uploads, w, h := 40, 600, 400
	if os.Getenv("CICERONE_SOAK") != "" {
		w, h = 6000, 4000
	}
	tn := newTown(t)
	data := photo(t, w, h)
	if len(data) > 5<<20 {
		t.Fatalf("the photo has %d bytes", len(data))
	}
	data = append(data, make([]byte, 5<<20-len(data))...) // padding, which is dropped
	body := `{"attachment":"` + dataURL("image/jpeg", data) + `"}`
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")

	defer debug.SetMemoryLimit(debug.SetMemoryLimit(150_000_000))
	runtime.GC()
	peak, stop, ended := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	statuses, room := make([]int, uploads), make(chan struct{}, bodiesAtOnce)
	var all sync.WaitGroup
	for i := range uploads {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			for statuses[i] = 503; statuses[i] == 503; {
				r := httptest.NewRequestWithContext(tn.ctx, http.MethodPost, path, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+tn.people["voyager"].token)
				r.Header.Set("Idempotency-Key", fmt.Sprint("upload-", i))
				a := httptest.NewRecorder()
				tn.api.ServeHTTP(a, r)
				if statuses[i] = a.Code; a.Code == 503 {
					if a.Header().Get("Retry-After") == "" {
						t.Error("a 503 has no Retry-After")
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
		})
	}
	all.Wait()
	close(stop)
	<-ended
	for i, status := range statuses {
		if status != http.StatusCreated {
			t.Errorf("upload %d: %d", i, status)
		}
	}
	if peak > 200_000_000 {
		t.Errorf("the heap had %d bytes", peak)
	}
	t.Logf("%d uploads of %d bytes, %d by %d pixels: the heap had %d MB at most", uploads, len(data), w, h, peak/1_000_000)
}
