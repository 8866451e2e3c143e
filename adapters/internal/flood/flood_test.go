package flood_test

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/flood"
	"github.com/cicerone-go/cicerone/adapters/memory"
)

func TestOthers(t *testing.T) { flood.Others(t, memory.New()) }
