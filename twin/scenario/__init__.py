"""From YAML to a frozen scenario: loading, checking, the schema."""
