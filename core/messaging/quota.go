package messaging

import (
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// QuotaPeriod is the period of quotas: in any such period, a user makes at most as many new things
// of a kind as the quota allows.
const QuotaPeriod = 24 * time.Hour

// CheckQuota returns nil if a user may make one more thing of a kind at the time now. nth and err
// are what a repository returned for the n-th newest of the user's things, where n is the quota:
// the time at which it was made, or fault.NotFound if there are fewer. If it was made within
// QuotaPeriod, CheckQuota returns a copy of refusal, whose RetryAfter is the time until the period
// has passed. The unit holds the account of the user, so that concurrent units count one after the
// other.
func CheckQuota(nth time.Time, err error, now time.Time, refusal *fault.Error) error {
	switch wait := nth.Add(QuotaPeriod).Sub(now); {
	case errors.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return fmt.Errorf("count for a quota: %w", err)
	case wait <= 0:
		return nil
	default:
		refused := *refusal
		refused.RetryAfter = wait
		return &refused
	}
}
