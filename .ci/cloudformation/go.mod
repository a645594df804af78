// The check of infra/aws/template.yaml, a module of its own so that its dependencies do not become those of Guestlist.
module guestlist/ci/cloudformation

go 1.26.0

require (
	github.com/awslabs/goformation/v7 v7.14.9
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	golang.org/x/text v0.14.0
	gopkg.in/yaml.v3 v3.0.1
)
