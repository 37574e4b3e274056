using System.Text.Json;
using Google.Protobuf.WellKnownTypes;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Writes a <c>google.protobuf.Value</c> as JSON.</summary>
internal static class ValueJson
{
    // Whole numbers below this are exact in a double; templates print 1 as 1, not as 1.0.
    private const double ExactIntegers = 1L << 53;

    /// <summary>The element; null for what JSON has not, or has not that deep.</summary>
    public static JsonElement? Write(Value value) =>
        IsJson(value, JsonOfMessages.MaxDepth) ? JsonOfMessages.Write(json => Write(json, value)) : null;

    private static bool IsJson(Value value, int depth) => depth >= 0 && value.KindCase switch
    {
        Value.KindOneofCase.None => false,
        Value.KindOneofCase.NumberValue => double.IsFinite(value.NumberValue),
        Value.KindOneofCase.ListValue => value.ListValue.Values.All(item => IsJson(item, depth - 1)),
        Value.KindOneofCase.StructValue => value.StructValue.Fields.Values.All(item => IsJson(item, depth - 1)),
        _ => true,
    };

    private static void Write(Utf8JsonWriter json, Value value)
    {
        switch (value.KindCase)
        {
            case Value.KindOneofCase.NumberValue:
                WriteNumber(json, value.NumberValue);
                break;
            case Value.KindOneofCase.StringValue:
                json.WriteStringValue(value.StringValue);
                break;
            case Value.KindOneofCase.BoolValue:
                json.WriteBooleanValue(value.BoolValue);
                break;
            case Value.KindOneofCase.ListValue:
                json.WriteStartArray();
                foreach (var item in value.ListValue.Values)
                {
                    Write(json, item);
                }

                json.WriteEndArray();
                break;
            case Value.KindOneofCase.StructValue:
                json.WriteStartObject();
                foreach (var (name, field) in value.StructValue.Fields)
                {
                    json.WritePropertyName(name);
                    Write(json, field);
                }

                json.WriteEndObject();
                break;
            default:
                json.WriteNullValue();
                break;
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, double number)
    {
        if (double.IsInteger(number) && Math.Abs(number) < ExactIntegers)
        {
            json.WriteNumberValue((long)number);
        }
        else
        {
            json.WriteNumberValue(number);
        }
    }
}
