using System.Globalization;

namespace Serving.Server.Metering;

/// <summary>Adds records up by period, tenant, model and adapter.</summary>
/// <param name="format">A period as .NET's date format writes it; empty for all time.</param>
internal sealed class UsageSummary(string format)
{
    /// <summary>Sums at most: a ledger with more tenants and adapters than this has been tampered with.</summary>
    public const int MaxTotals = 1_000_000;

    private readonly Dictionary<UsageKey, UsageTotal> _totals = [];

    /// <summary>Records that the daemon lost, as those after them say.</summary>
    public long Lost { get; private set; }

    /// <summary>Whether there were more kinds of requests than can be added up; then some are missing.</summary>
    public bool IsCut { get; private set; }

    /// <summary>The sums, by period, tenant, model and adapter.</summary>
    public IEnumerable<UsageTotal> Totals => _totals
        .OrderBy(total => total.Key.Period, StringComparer.Ordinal)
        .ThenBy(total => total.Key.Tenant, StringComparer.Ordinal)
        .ThenBy(total => total.Key.Model, StringComparer.Ordinal)
        .ThenBy(total => total.Key.Adapter, StringComparer.Ordinal)
        .Select(total => total.Value);

    /// <summary>Adds a record.</summary>
    public void Add(UsageRecord record)
    {
        Lost += record.LostBefore ?? 0;
        var period = format.Length == 0 ? "" : record.Time.ToUniversalTime().ToString(format, CultureInfo.InvariantCulture);
        var key = new UsageKey(period, record.Tenant, record.Model, record.Adapter);
        if (!_totals.TryGetValue(key, out var total))
        {
            if (_totals.Count == MaxTotals)
            {
                IsCut = true;
                return;
            }

            total = new UsageTotal { Period = period.Length == 0 ? null : period, Tenant = record.Tenant, Model = record.Model, Adapter = record.Adapter };
            _totals.Add(key, total);
        }

        total.Requests++;
        total.Completed += record.Outcome == "completed" ? 1 : 0;
        total.PromptTokens += record.PromptTokens;
        total.CachedTokens += record.CachedTokens;
        total.CompletionTokens += record.CompletionTokens;
    }
}
