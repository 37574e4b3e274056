using System.Security.Cryptography;
using System.Text;
using Serving.Core.Memory;
using Serving.Core.Tenancy;
using Serving.Server.Configuration;

namespace Serving.Server.Tenancy;

/// <summary>The tenants in force: from the command line, the file of tenants, or the one anonymous tenant. A bad file never replaces a good one.</summary>
internal sealed class TenantStore
{
    /// <summary>Name of the tenant of --api-key.</summary>
    public const string DefaultTenant = "default";

    /// <summary>Name of the tenant of requests without a key.</summary>
    public const string AnonymousTenant = "anonymous";

    private readonly TenancyOptions _options;
    private readonly byte[] _secret;
    private volatile TenantDirectory _current;

    private TenantStore(TenancyOptions options, byte[] secret)
    {
        _options = options;
        _secret = secret;
        _current = new TenantDirectory([], 0, null);
    }

    /// <summary>The tenants in force.</summary>
    public TenantDirectory Current => _current;

    /// <summary>Builds the store, reading the files it names.</summary>
    /// <param name="options">Where tenants and secret come from.</param>
    /// <param name="errors">Receives what is wrong; the store is of no use then.</param>
    public static TenantStore Create(TenancyOptions options, List<string> errors)
    {
        var store = new TenantStore(options, ReadSecret(options, errors));
        errors.AddRange(store.Reload());
        return store;
    }

    /// <summary>Reads the file of tenants again and swaps the directory, or returns what is wrong and swaps nothing.</summary>
    public IReadOnlyList<string> Reload()
    {
        var errors = new List<string>();
        var entries = ReadEntries(errors);
        if (errors.Count > 0)
        {
            return errors;
        }

        var keys = new List<(byte[], ApiCaller)>();
        var tenants = 0;
        if (_options.ApiKey.Count > 0)
        {
            var caller = new ApiCaller(NewTenant(DefaultTenant, 1, null), IsAdmin: true);
            keys.AddRange(_options.ApiKey.Select(key => (SHA256.HashData(Encoding.UTF8.GetBytes(key)), caller)));
            tenants++;
        }

        foreach (var entry in entries)
        {
            var caller = new ApiCaller(NewTenant(entry.Id, entry.Weight, entry.Limits), entry.Role == "admin");
            keys.AddRange(entry.Keys.Select(key => (Convert.FromHexString(key), caller)));
            tenants++;
        }

        var anonymous = _options.ApiKey.Count == 0 && _options.Tenants is null ? new ApiCaller(NewTenant(AnonymousTenant, 1, null), IsAdmin: true) : null;
        _current = new TenantDirectory(keys, anonymous is null ? tenants : 1, anonymous);
        return errors;
    }

    private IReadOnlyList<TenantEntry> ReadEntries(List<string> errors)
    {
        if (_options.Tenants is null)
        {
            return [];
        }

        var found = new List<string>();
        IReadOnlyList<TenantEntry> entries = [];
        try
        {
            entries = TenantFileParser.Parse(File.ReadAllBytes(_options.Tenants), found).Tenants;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            found.Add("cannot be read");
        }

        if (_options.ApiKey.Count > 0 && entries.Any(entry => entry.Id == DefaultTenant))
        {
            found.Add($"tenant \"{DefaultTenant}\" is the one of --api-key");
        }

        errors.AddRange(found.Select(error => $"{_options.Tenants}: {error}"));
        return entries;
    }

    private Tenant NewTenant(string id, double weight, LimitsEntry? limits) => new(
        new TenantId(id),
        weight,
        new Digest(HMACSHA256.HashData(_secret, Encoding.UTF8.GetBytes(id))),
        new TenantLimits(
            limits?.ConcurrentRequests ?? _options.MaxConcurrentRequests,
            limits?.TokensInFlight ?? _options.MaxTokensInFlight,
            RateOf(limits?.RequestsPerMinute ?? _options.MaxRequestsPerMinute),
            RateOf(limits?.TokensPerMinute ?? _options.MaxTokensPerMinute)));

    private static long? RateOf(long setting) => setting == 0 ? null : setting;

    private static byte[] ReadSecret(TenancyOptions options, List<string> errors)
    {
        if (options.Secret is not null)
        {
            return Encoding.UTF8.GetBytes(options.Secret);
        }

        if (options.SecretFile is null)
        {
            return RandomNumberGenerator.GetBytes(32);
        }

        try
        {
            var secret = File.ReadAllBytes(options.SecretFile);
            if (secret.Length < 16)
            {
                errors.Add($"{options.SecretFile}: a secret has at least 16 bytes");
            }

            return secret;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            errors.Add($"{options.SecretFile}: cannot be read");
            return [];
        }
    }
}
