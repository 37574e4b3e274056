namespace Serving.Engine.Tests.Running;

/// <summary>Formats of matrices, and of keys and values, in one word for the tables of tests: "none", "int8", "int4", or "int8 keys and values".</summary>
internal static class KeptFormats
{
    /// <summary>Keys and values rounded to integers, matrices not.</summary>
    public const string KeysAndValues = "int8 keys and values";

    /// <summary>What <see cref="EngineOptions.Quantization"/> is then.</summary>
    public static string Weights(string formats) => formats == KeysAndValues ? "none" : formats;

    /// <summary>What <see cref="EngineOptions.KeyValueCacheType"/> is then.</summary>
    public static string KeyValues(string formats) => formats == KeysAndValues ? "int8" : "auto";
}
