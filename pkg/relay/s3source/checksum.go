package s3source

import (
	"context"
	"crypto/md5"  // S3 makes ETags of it; against faults on the way, not against people
	"crypto/sha1" // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// checksum is what S3 keeps of an object's bytes, in base64.
type checksum struct {
	algorithm, value string
}

func checksumOf(out *s3.GetObjectOutput) checksum {
	for _, c := range []struct {
		algorithm string
		value     *string
	}{
		{"CRC64NVME", out.ChecksumCRC64NVME}, {"CRC32C", out.ChecksumCRC32C}, {"CRC32", out.ChecksumCRC32},
		{"SHA256", out.ChecksumSHA256}, {"SHA512", out.ChecksumSHA512}, {"SHA1", out.ChecksumSHA1},
	} {
		if c.value != nil {
			return checksum{c.algorithm, *c.value}
		}
	}
	return checksum{}
}

// parts returns the number of parts where the value is a sum over the parts' sums, such as q1w2e3==-4; otherwise 0. The SDK
// checks the bytes against all other values by itself, and passes over these.
func (c checksum) parts() int {
	_, after, ok := strings.Cut(c.value, "-") // base64 has no hyphen
	n, err := strconv.Atoi(after)
	if !ok || err != nil || sumOf(c.algorithm) == nil {
		return 0
	}
	return n
}

// sumOf returns a hash for an algorithm of S3 that makes sums of sums; nil if there is no such.
func sumOf(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	case "SHA512":
		return sha512.New()
	}
	return nil
}

// partsReader reads an object part by part, each in a request of its own, which is how its parts' limits are known, and ends
// with an error if the sum over their sums is not the one that S3 keeps.
type partsReader struct {
	source *Source
	ctx    context.Context
	in     s3.GetObjectInput
	want   checksum
	parts  int // how many there are
	part   int // the one that is read
	body   io.ReadCloser
	sum    hash.Hash // of the part
	sums   []byte    // of those before
}

func (r *partsReader) Read(p []byte) (int, error) {
	for {
		if r.body == nil {
			if r.part == r.parts {
				return 0, r.verdict()
			}
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p)
		r.sum.Write(p[:n])
		if errors.Is(err, io.EOF) {
			r.sums, err = r.sum.Sum(r.sums), r.body.Close()
			r.body = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *partsReader) next() error {
	r.part++
	in := r.in
	in.PartNumber = aws.Int32(int32(r.part))
	out, err := r.source.client.GetObject(r.ctx, &in)
	if err != nil {
		return fmt.Errorf("part %d: %w", r.part, err)
	}
	r.body, r.sum = out.Body, sumOf(r.want.algorithm)
	return nil
}

func (r *partsReader) verdict() error {
	all := sumOf(r.want.algorithm)
	all.Write(r.sums)
	if got := fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(all.Sum(nil)), r.parts); got != r.want.value {
		return fmt.Errorf("the parts have the %s %s, S3 keeps %s", r.want.algorithm, got, r.want.value)
	}
	return io.EOF
}

func (r *partsReader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// etagIsMD5 reports whether the ETag is the MD5 of the bytes: not with parts, nor with a key of KMS or the customer's.
func etagIsMD5(out *s3.GetObjectOutput, etag string) bool {
	_, err := hex.DecodeString(etag)
	plain := out.ServerSideEncryption == "" || out.ServerSideEncryption == types.ServerSideEncryptionAes256
	return err == nil && len(etag) == 2*md5.Size && plain && out.SSECustomerAlgorithm == nil
}

// md5Reader ends with an error if the bytes do not have the sum.
type md5Reader struct {
	io.ReadCloser
	sum  hash.Hash
	want string
}

func newMD5Reader(body io.ReadCloser, want string) *md5Reader {
	return &md5Reader{ReadCloser: body, sum: md5.New(), want: want}
}

func (r *md5Reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.sum.Write(p[:n])
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if got := hex.EncodeToString(r.sum.Sum(nil)); !strings.EqualFold(got, r.want) {
		return n, fmt.Errorf("the bytes have the MD5 %s, S3 keeps %s", got, r.want)
	}
	return n, err
}
