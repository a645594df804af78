package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

const file = "../../infra/aws/template.yaml"

func TestTemplateIsSound(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	if code := run([]string{file}, io.Discard, &said); code != 0 {
		t.Errorf("exit code %d:\n%s", code, said.String())
	}
}

// TestBrokenTemplatesAreFound breaks the template in one place each.
func TestBrokenTemplatesAreFound(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, broken, want string }{
		"a property that does not exist": {"BatchSize: 1", "BatchSizes: 1", "BatchSizes"},
		"a type that does not exist":     {"AWS::SQS::QueuePolicy", "AWS::SQS::QueuePolice", "is none of AWS"},
		"a value of another type":        {"Timeout: 900", "Timeout: long", "Resources/Relay/Properties/Timeout"},
		"a property that is missing":     {"      FunctionName: !Ref Relay\n      BatchSize", "      BatchSize", "FunctionName"},
		"a reference to nothing":         {"Queues: [!Ref Events]", "Queues: [!Ref Event]", "refers to Event,"},
		"an attribute of nothing":        {"!GetAtt DeadLetters.Arn", "!GetAtt Dead.Arn", "refers to Dead,"},
		"text about nothing":             {"${BucketName}/${Prefix}*", "${BucketName}/${Prefixes}*", "refers to Prefixes,"},
		"a condition of nothing":         {"!If [HasTopic", "!If [HasTopics", "condition HasTopics"},
		"waiting for nothing":            {"DependsOn: EventsPolicy", "DependsOn: Policy", "depends on Policy"},
		"a parameter for nothing":        {"Parameters:\n", "Parameters:\n  Colour: { Type: String }\n", "Parameters/Colour: is not used"},
		"a name twice":                   {"  BucketPolicy:\n", "  Bucket:\n", "Bucket is there twice"},
	} {
		text := strings.Replace(string(good), c.old, c.broken, 1)
		if text == string(good) {
			t.Errorf("%s: the template has no %q any more", name, c.old)
		}
		problems, _ := check([]byte(text))
		if all := strings.Join(problems, "\n"); !strings.Contains(all, c.want) {
			t.Errorf("%s: found %q, want %q", name, all, c.want)
		}
	}
}
