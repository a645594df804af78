package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

func dropCommand() command {
	return command{
		name: "drop", args: "FILE", least: 1, most: 1,
		short: "put a file into the inbox of a source",
		long: `The file goes into the container of the source, like one that a partner drops. Its import appears in "guestlist status"
within seconds. A file that is there under the same name is replaced, as by any upload; -as gives it another name.`,
		make: func(fs *flag.FlagSet) body {
			source := fs.String("source", "", "`NAME` of the source (needed)")
			as := fs.String("as", "", "`PATH` in the container; the file's own name if left out")
			return body{
				check: func([]string) error {
					if *source == "" {
						return errors.New("say which source the file comes through: -source NAME")
					}
					return nil
				},
				do: func(c *call, args []string) error { return drop(c, args[0], *source, *as) },
			}
		},
	}
}

func drop(c *call, file, source, as string) error {
	if !policy.ValidSource(source) {
		return &message.Failure{Code: "source.invalid", Text: fmt.Sprintf("%q cannot be a source: use lower-case letters, digits and single hyphens.", source)}
	}
	if as == "" {
		as = filepath.Base(file)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := c.services.Blobs.Create(c.ctx, policy.Container(source), as)
	if _, err := io.Copy(w, f); err != nil {
		w.Abort()
		return fmt.Errorf("read %s: %w", file, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write %s into container %s: %w", as, policy.Container(source), err)
	}
	b, err := c.services.Blobs.Stat(c.ctx, policy.Container(source), as)
	if errors.Is(err, blobstore.ErrNotFound) {
		return &message.Failure{Code: "file.gone", Text: fmt.Sprintf("Somebody removed %s from container %s at once.", as, policy.Container(source))}
	}
	if err != nil {
		return err
	}
	id := message.ImportID(c.services.Blobs.Account(), b.Container, b.Path, b.ETag)
	defer c.hint("Follow it with: guestlist status %s -watch", id)
	return c.say(map[string]any{"import": id, "container": b.Container, "path": b.Path}, "Dropped %s into container %s as %s, import %s.", file, b.Container, b.Path, id)
}
