namespace Serving.Engine.Tests.Running;

/// <summary>Formats of matrices, and of keys and values, in one text for the tables of tests: "none", "int8", "int4", each also with <see cref="KeysAndValues"/> behind it.</summary>
internal static class KeptFormats
{
    /// <summary>Keys and values rounded to integers besides.</summary>
    public const string KeysAndValues = ", int8 keys and values";

    /// <summary>What <see cref="EngineOptions.Quantization"/> is then.</summary>
    public static string Weights(string formats) => formats.Replace(KeysAndValues, string.Empty, StringComparison.Ordinal);

    /// <summary>What <see cref="EngineOptions.KeyValueCacheType"/> is then.</summary>
    public static string KeyValues(string formats) => HasIntegers(formats) ? "int8" : "auto";

    /// <summary>Bytes of a page of the bundled model.</summary>
    public static long PageBytes(string formats) => HasIntegers(formats) ? 28672 : 49152;

    /// <summary>Whether keys and values are rounded.</summary>
    public static bool HasIntegers(string formats) => formats.EndsWith(KeysAndValues, StringComparison.Ordinal);
}
