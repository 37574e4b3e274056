using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Serving.Core.Tenancy;

namespace Serving.Server.Tenancy;

/// <summary>A tenant as <c>tenants.json</c> has it.</summary>
internal sealed record TenantEntry
{
    /// <summary>[a-z0-9-]{1,32}.</summary>
    public string Id { get; set; } = "";

    /// <summary>SHA-256 of each key, 64 hexadecimal digits.</summary>
    public IReadOnlyList<string> Keys { get; set; } = [];

    /// <summary>"tenant" or "admin".</summary>
    public string Role { get; set; } = "tenant";

    /// <summary>Share of the machine relative to others.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>What it may hold at once; null takes the configured defaults.</summary>
    public LimitsEntry? Limits { get; set; }
}

/// <summary>Limits as <c>tenants.json</c> has them; null takes the configured default.</summary>
internal sealed record LimitsEntry
{
    /// <summary>Requests accepted and not finished.</summary>
    public int? ConcurrentRequests { get; set; }

    /// <summary>Sum of prompt + n × max_tokens over those.</summary>
    public long? TokensInFlight { get; set; }

    /// <summary>Requests per minute, as many at once as a minute brings; 0 without limit.</summary>
    public long? RequestsPerMinute { get; set; }

    /// <summary>Tokens per minute, prompt and output, likewise.</summary>
    public long? TokensPerMinute { get; set; }
}

/// <summary>The content of <c>tenants.json</c>.</summary>
internal sealed record TenantFile
{
    /// <summary>All of them.</summary>
    public IReadOnlyList<TenantEntry> Tenants { get; set; } = [];
}

/// <summary>Reads <c>tenants.json</c>: JSON with comments, unknown keys refused.</summary>
internal static partial class TenantFileParser
{
    /// <summary>Tenants at most: every request compares its key with all of them.</summary>
    public const int MaxTenants = 4096;

    /// <summary>Keys per tenant at most; two are needed to change one without a gap.</summary>
    public const int MaxKeys = 8;

    /// <summary>Reads a file's content.</summary>
    /// <param name="content">The content.</param>
    /// <param name="errors">Receives everything that is wrong, one line each.</param>
    public static TenantFile Parse(ReadOnlySpan<byte> content, List<string> errors)
    {
        TenantFile? file = null;
        try
        {
            file = JsonSerializer.Deserialize(content, TenantFileJson.Default.TenantFile);
        }
        catch (JsonException exception)
        {
            errors.Add($"line {(exception.LineNumber ?? 0) + 1}: malformed, of the wrong type or unknown: {exception.Path ?? "$"}");
        }

        file ??= new TenantFile();
        Check(file, errors);
        return file;
    }

    private static void Check(TenantFile file, List<string> errors)
    {
        if (file.Tenants.Count > MaxTenants)
        {
            errors.Add($"more than {MaxTenants} tenants");
        }

        foreach (var tenant in file.Tenants)
        {
            var name = $"tenant \"{tenant.Id}\"";
            Require(IdPattern().IsMatch(tenant.Id), $"{name}: an id is 1 to 32 of a-z, 0-9 and -");
            Require(tenant.Role is "tenant" or "admin", $"{name}: role is tenant or admin");
            Require(double.IsFinite(tenant.Weight) && tenant.Weight is > 0 and <= 1000, $"{name}: weight is above 0 and at most 1000");
            Require(tenant.Keys.Count <= MaxKeys, $"{name}: at most {MaxKeys} keys");
            Require(tenant.Keys.All(key => DigestPattern().IsMatch(key)), $"{name}: a key is given by its SHA-256, 64 hexadecimal digits");
            Require(tenant.Limits is null or { ConcurrentRequests: null or > 0, TokensInFlight: null or > 0 }, $"{name}: limits are above 0");
            Require(
                tenant.Limits is null or { RequestsPerMinute: null or (>= 0 and <= TokenBucket.MaxRate), TokensPerMinute: null or (>= 0 and <= TokenBucket.MaxRate) },
                $"{name}: limits per minute are 0 (none) to {TokenBucket.MaxRate}");
        }

        foreach (var id in file.Tenants.GroupBy(tenant => tenant.Id).Where(group => group.Count() > 1).Select(group => group.Key))
        {
            errors.Add($"tenant \"{id}\" is there twice");
        }

        if (file.Tenants.SelectMany(tenant => tenant.Keys).GroupBy(key => key.ToUpperInvariant()).Any(group => group.Count() > 1))
        {
            errors.Add("a key is there twice");
        }

        void Require(bool holds, string otherwise)
        {
            if (!holds)
            {
                errors.Add(otherwise);
            }
        }
    }

    [GeneratedRegex("^[a-z0-9-]{1,32}\\z")]
    private static partial Regex IdPattern();

    [GeneratedRegex("^[0-9a-fA-F]{64}\\z")]
    private static partial Regex DigestPattern();
}

/// <summary>How <c>tenants.json</c> is read.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    MaxDepth = 8)]
[JsonSerializable(typeof(TenantFile))]
internal sealed partial class TenantFileJson : JsonSerializerContext;
