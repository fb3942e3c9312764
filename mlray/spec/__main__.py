"""Write the JSON Schema again after the models have changed: `python -m mlray.spec`."""

from mlray.spec._schema import SCHEMA, schema_text

if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
