package main_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/messaging"
)

// photo returns a noisy JPEG. One of 24 megapixels has almost 5 MiB.
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

// TestFortyUploads sends forty images of 5 MiB at once, from eight users. Those for which the server
// has no room are sent again, until all are accepted. No limit of memory is set.
func TestFortyUploads(t *testing.T) {
	const users, each = 8, 5
	w, h, most, stores := 600, 400, 200, []string{"sqlite"}
	if os.Getenv("CICERONE_SOAK") == "1" {
		w, h, most = 6000, 4000, 300 // a picture of 24 megapixels takes 36 MB to decode, beside what waits for it
		stores = append(stores, "memory")
	}
	data := photo(t, w, h)
	data = append(data, make([]byte, messaging.MaxAttachment-len(data))...) // padding, which is dropped
	body := `{"attachment":"data:image/jpeg;base64,` + base64.StdEncoding.EncodeToString(data) + `"}`
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			p := startIn(t, []string{"GOMEMLIMIT=off"}, "--store", store, "--limit-anonymous", "0", "--body-share", "0")
			var all sync.WaitGroup
			begun := make(chan struct{})
			for u := range users {
				ada := signUp(t, p.client(t), fmt.Sprintf("ada%d@example.org", u))
				talk, _ := openConversation(t, p.client(t), p.client(t).As(ada.AccessToken))
				for i := range each {
					all.Go(func() {
						<-begun
						p.upload(t, fmt.Sprintf("%s/v1/conversations/%s/messages", p.base, talk), ada.AccessToken, fmt.Sprint("upload-", i), body)
					})
				}
			}
			quiet := p.peak(t)
			close(begun)
			all.Wait()
			peak := p.peak(t)
			t.Logf("%d uploads of %d bytes, %d by %d pixels: the server took at most %d MB, and %d MB before", users*each, len(data), w, h, peak, quiet)
			if peak >= most {
				t.Errorf("the server took %d MB of memory, want less than %d", peak, most)
			}
		})
	}
}

// upload sends a message until the server has room for it.
func (p *process) upload(t *testing.T, url, token, key, body string) {
	for until := time.Now().Add(5 * patience); ; time.Sleep(200 * time.Millisecond) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", key)
		a, err := http.DefaultClient.Do(r)
		if err != nil { // the server closes a connection whose body it does not read
			if time.Now().After(until) {
				t.Error(err)
				return
			}
			continue
		}
		said, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		switch {
		case a.StatusCode == http.StatusCreated:
			return
		case a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || time.Now().After(until):
			t.Errorf("upload: %s, Retry-After %q: %s", a.Status, a.Header.Get("Retry-After"), said)
			return
		}
	}
}
