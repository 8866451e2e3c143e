package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// answer has what the answers of Cicerone and of the floor must have in common.
type answer struct {
	Items []struct {
		ID, Content string
		UnreadCount int                          `json:"unread_count"`
		LastMessage struct{ ID, Content string } `json:"last_message"`
		Profile     struct{ ID string }
		Score       int
		Shared      []struct{ ID string } `json:"shared_interests"`
	}
	Balance, Held int64
}

// agree returns an error if the floor, on a copy of Cicerone's database, answers the requests of a
// talker differently. The benchmark would then compare two servers that do different work.
func agree(ours, floor string, t *talker) error {
	two := [2]*wire{{address: ours}, {address: floor}}
	some := url.Values{"limit": {"20"}, "country": {country}, "interest_id": t.interests[:3]}.Encode()
	var errs []error
	for _, path := range []string{
		"/v1/wallet", "/v1/conversations?limit=20", "/v1/conversations/" + t.talk + "/messages?limit=30",
		"/v1/matches?limit=20", "/v1/matches?limit=20&country=" + country, "/v1/matches?" + some,
	} {
		var said [2]string
		for i, c := range two {
			var got answer
			err := call(c, http.MethodGet, path, t.token, nil, http.StatusOK, &got)
			for _, item := range got.Items {
				slices.SortFunc(item.Shared, func(a, b struct{ ID string }) int { return strings.Compare(a.ID, b.ID) })
			}
			b, err2 := json.Marshal(got)
			if err = errors.Join(err, err2); err != nil {
				return errors.Join(err, two[0].close(), two[1].close())
			}
			said[i] = string(b)
		}
		if said[0] != said[1] {
			errs = append(errs, fmt.Errorf("%s: the floor answers\n%s\nand Cicerone\n%s", path, said[1], said[0]))
		}
	}
	return errors.Join(append(errs, two[0].close(), two[1].close())...)
}
