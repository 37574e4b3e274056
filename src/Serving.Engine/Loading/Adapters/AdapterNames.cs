using System.Buffers;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// What adapters and tenants may be called. Names are the only thing of a request that becomes part of a path, so the rule is a list of what is
/// allowed: no separator, no leading dot, no escape, nothing outside ASCII, no name that some system gives a meaning.
/// </summary>
public static class AdapterNames
{
    /// <summary>Longest adapter name.</summary>
    public const int MaxLength = 128;

    /// <summary>Longest tenant id.</summary>
    public const int MaxTenantLength = 32;

    private const string Alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create(Alphanumeric + "._-");
    private static readonly SearchValues<char> TenantCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    /// <summary>Whether a name is <c>[A-Za-z0-9][A-Za-z0-9._-]{0,127}</c>, ends in no dot and is no device of Windows.</summary>
    public static bool IsValid(string? name)
    {
        return name is { Length: >= 1 and <= MaxLength }
            && char.IsAsciiLetterOrDigit(name[0])
            && !name.AsSpan().ContainsAnyExcept(NameCharacters)
            && name[^1] != '.'
            && !IsDevice(name);
    }

    /// <summary>Whether a tenant id is <c>[a-z0-9-]{1,32}</c> and can be a folder: it starts with a letter or digit and is no device of Windows.</summary>
    public static bool IsValidTenant(string? tenant)
    {
        return tenant is { Length: >= 1 and <= MaxTenantLength }
            && tenant[0] != '-'
            && !tenant.AsSpan().ContainsAnyExcept(TenantCharacters)
            && !IsDevice(tenant);
    }

    private static bool IsDevice(string name)
    {
        var stem = name.Split('.', 2)[0].ToUpperInvariant();
        return stem is "CON" or "PRN" or "AUX" or "NUL"
            || (stem.Length == 4 && (stem.StartsWith("COM", StringComparison.Ordinal) || stem.StartsWith("LPT", StringComparison.Ordinal)) && char.IsAsciiDigit(stem[3]));
    }
}
