package page_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
)

// numbers is a list of the numbers from 1 to size. The position of a number is the number.
type numbers struct {
	size   int
	limits []int // of the calls of fetch
}

func (s *numbers) fetch(after *int, limit int) ([]int, error) {
	s.limits = append(s.limits, limit)
	var items []int
	first := 1
	if after != nil {
		first = *after + 1
	}
	for i := first; i <= s.size && len(items) < limit; i++ {
		items = append(items, i)
	}
	return items, nil
}

func itself(i int) int { return i }

func upTo(first, last int) []int {
	var list []int
	for i := first; i <= last; i++ {
		list = append(list, i)
	}
	return list
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		size, limit int
		after       int // 0 for the first page
		want        []int
		next        int // 0 for the last page
	}{
		{size: 0, limit: 3, want: nil},
		{size: 2, limit: 3, want: upTo(1, 2)},
		{size: 3, limit: 3, want: upTo(1, 3)},
		{size: 4, limit: 3, want: upTo(1, 3), next: 3},
		{size: 4, limit: 3, after: 3, want: upTo(4, 4)},
		{size: 4, limit: 3, after: 4, want: nil},
		{size: 2, limit: 1, want: upTo(1, 1), next: 1},
		{size: 50, limit: 0, want: upTo(1, 20), next: 20},
		{size: 200, limit: 100, want: upTo(1, 100), next: 100},
	} {
		t.Run(fmt.Sprintf("%d of %d after %d", test.limit, test.size, test.after), func(t *testing.T) {
			r := page.Request[int]{Limit: test.limit}
			if test.after > 0 {
				r.After = &test.after
			}
			s := &numbers{size: test.size}
			got, err := page.Read(r, itself, s.fetch)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Items, test.want) {
				t.Errorf("got %v, want %v", got.Items, test.want)
			}
			if (got.Next != nil) != (test.next != 0) || got.Next != nil && *got.Next != test.next {
				t.Errorf("got the next position %v, want %d", got.Next, test.next)
			}
		})
	}
}

func TestReadInvalidLimits(t *testing.T) {
	for _, limit := range []int{-1, 101, 1 << 40} {
		s := &numbers{size: 5}
		_, err := page.Read(page.Request[int]{Limit: limit}, itself, s.fetch)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != fault.Invalid || e.Fields[0].Name != "limit" {
			t.Errorf("limit %d: got error %v, want limit to be invalid", limit, err)
		}
		if s.limits != nil {
			t.Errorf("limit %d: the list was read", limit)
		}
	}
}

var errFetch = errors.New("fetch failed")

func TestFetchErrors(t *testing.T) {
	broken := func(*int, int) ([]int, error) { return []int{1}, errFetch }
	if p, err := page.Read(page.Request[int]{}, itself, broken); !errors.Is(err, errFetch) || p.Items != nil {
		t.Errorf("Read: got %v and error %v, want no items and %v", p, err, errFetch)
	}
	if all, err := page.All(itself, broken); !errors.Is(err, errFetch) || all != nil {
		t.Errorf("All: got %v and error %v, want no items and %v", all, err, errFetch)
	}
}

func TestAll(t *testing.T) {
	for _, size := range []int{0, 1, 99, 100, 101, 250, 300} {
		s := &numbers{size: size}
		all, err := page.All(itself, s.fetch)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(all, upTo(1, size)) {
			t.Errorf("size %d: read %v", size, all)
		}
		if slices.Max(s.limits) > page.MaxLimit {
			t.Errorf("size %d: asked for pages of %v items, want at most %d", size, s.limits, page.MaxLimit)
		}
	}
}

func TestEach(t *testing.T) {
	s := &numbers{size: 250}
	each := page.Each(new(120), itself, s.fetch)
	for range 2 { // it can be ranged over again
		if got, err := page.Collect(each); err != nil || !slices.Equal(got, upTo(121, 250)) {
			t.Errorf("got %v and error %v", got, err)
		}
	}
	s.limits = nil
	for n, err := range page.Each(nil, itself, s.fetch) {
		if n > 3 || err != nil {
			break
		}
	}
	if len(s.limits) != 1 {
		t.Errorf("a loop that ended early read %d times", len(s.limits))
	}
	failing := func(after *int, limit int) ([]int, error) {
		if after != nil {
			return []int{1}, errFetch
		}
		return s.fetch(after, limit)
	}
	var items, errs int
	for n, err := range page.Each(nil, itself, failing) {
		if err != nil {
			errs++
			if n != 0 || !errors.Is(err, errFetch) {
				t.Errorf("got %d with error %v", n, err)
			}
			continue
		}
		items++
	}
	if items != page.MaxLimit || errs != 1 {
		t.Errorf("got %d items and %d errors", items, errs)
	}
}
