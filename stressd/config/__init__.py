"""YAML with line numbers -> typed model -> JSON Schema."""
