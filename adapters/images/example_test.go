package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"

	"github.com/cicerone-go/cicerone/adapters/images"
)

func Example() {
	ctx := context.Background()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 640, 480))); err != nil {
		fmt.Println(err)
		return
	}
	cleaner := images.New(images.DefaultLimits())
	fmt.Println(cleaner.Inspect(ctx, picture.Bytes()))
	cleaned, err := cleaner.Clean(ctx, picture.Bytes(), 5<<20)
	fmt.Println(cleaned.MediaType, err)

	_, _, _, err = cleaner.Inspect(ctx, []byte("<svg onload='alert(1)'/>"))
	fmt.Println(errors.Is(err, images.ErrNotAnImage))
	// Output:
	// image/png 640 480 <nil>
	// image/png <nil>
	// true
}
