using System.Security.Cryptography;
using System.Text;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;
using Serving.Engine.Tokenization;
using Serving.Engine.Turns;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// Makes requests' constraints ready on their callers' threads, a few at a time, so that no flood of schemas takes the cores from the engine: what a constraint may cost is bounded by the
/// grammar's limits, and tenants take turns, since it can be seconds. Compiled ones are kept, and who asks for one of them waits for nobody. Thread-safe.
/// </summary>
public sealed class ConstraintCompiler : IDisposable
{
    // By whether thoughts are in an answer, and calls: some are written by special tokens.
    private readonly Lazy<TokenVocabulary>[] _vocabularies;
    private readonly AnswerReaders _readers;
    private readonly TokenRulesReader _rules;
    private readonly MaskWorkers _workers;
    private readonly EngineClock _clock;
    private readonly EngineStatistics _statistics;
    private readonly ConstraintCache _cache;
    private readonly TenantTurns _turns = new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>Creates a compiler; the vocabulary is read when it is first needed.</summary>
    /// <param name="vocabulary">Reads the model's tokens, with special ones whose text is part of an answer.</param>
    /// <param name="readers">How calls of functions and thoughts are written, some of it by special tokens.</param>
    /// <param name="rules">Reads what requests say of token ids.</param>
    /// <param name="workers">Works masks out; disposed with this.</param>
    /// <param name="clock">Time.</param>
    /// <param name="statistics">Where compiling is counted.</param>
    /// <param name="cacheBytes">Memory for compiled constraints and their masks: a usual schema takes some hundred KB beside a vocabulary of 128,000.</param>
    public ConstraintCompiler(
        Func<SpokenTokens?, TokenVocabulary> vocabulary,
        AnswerReaders readers,
        TokenRulesReader rules,
        MaskWorkers workers,
        EngineClock clock,
        EngineStatistics statistics,
        long cacheBytes)
    {
        ArgumentNullException.ThrowIfNull(readers);
        _readers = readers;
        _vocabularies = [.. Enumerable.Range(0, 4).Select(i => new Lazy<TokenVocabulary>(() => vocabulary(readers.Spoken((i & 1) != 0, (i & 2) != 0))))];
        _rules = rules;
        _workers = workers;
        _clock = clock;
        _statistics = statistics;
        _cache = new ConstraintCache(cacheBytes);
    }

    /// <summary>How many constraints are kept, and about how many bytes they take.</summary>
    public (int Count, long Bytes) Kept => _cache.Size;

    /// <summary>Makes a constraint ready.</summary>
    /// <param name="request">The request.</param>
    /// <param name="start">Where its answers begin: the constraint holds behind the thoughts.</param>
    /// <param name="cancellationToken">Gives up waiting for a turn.</param>
    /// <returns>Null and no failure for a request without one.</returns>
    public async ValueTask<(RequestConstraint? Constraint, RequestFailure? Failure)> OpenAsync(GenerationRequest request, ReasoningStart start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var constraint = request.EffectiveConstraint;
        if (constraint is null && !request.RulesTokensOut)
        {
            return (null, null);
        }

        try
        {
            var key = constraint is null ? (Digest?)null : KeyOf(request.Tenant, constraint, start);
            var kept = key is { } digest ? _cache.Find(digest) : null;
            return (kept is not null && !request.RulesTokensOut ? Begin(request.Tenant.Id, constraint!.Field, Hit(kept), null) : await InTurnAsync(request, key, start, cancellationToken), null);
        }
        catch (GrammarException exception)
        {
            var error = exception.IsNotSupported ? RequestError.NotSupported : RequestError.InvalidRequest;
            return (null, new RequestFailure(error, exception.Message, constraint?.Field ?? request.RulesField));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _workers.Dispose();

    private async ValueTask<RequestConstraint> InTurnAsync(GenerationRequest request, Digest? key, ReasoningStart start, CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(request.Tenant.Id, cancellationToken);
        try
        {
            var rules = _rules.Read(request, start);
            return key is { } digest ? Open(digest, request, start, rules) : Begin(request.Tenant.Id, request.RulesField, null, rules);
        }
        finally
        {
            _turns.Release(request.Tenant.Id);
        }
    }

    private RequestConstraint Open(Digest key, GenerationRequest request, ReasoningStart start, TokenRules? rules)
    {
        var (tenant, constraint) = (request.Tenant.Id, request.EffectiveConstraint!);
        if (_cache.Find(key) is { } kept)
        {
            return Begin(tenant, constraint.Field, Hit(kept), rules);
        }

        var began = _clock.Now;
        var opened = Begin(tenant, constraint.Field, _cache.Add(key, Compile(constraint, start)), rules);
        _statistics.ConstraintCompileTime.Observe((_clock.Now - began) * 1e-6);
        return opened;
    }

    private GrammarMasks Hit(GrammarMasks kept)
    {
        _statistics.CountConstraintCacheHit();
        return kept;
    }

    private RequestConstraint Begin(TenantId tenant, string field, GrammarMasks? masks, TokenRules? rules) =>
        RequestConstraint.Open(masks is null ? null : new TokenMatcher(masks), rules, _workers, tenant, out var outcome) ?? throw (outcome == MaskOutcome.TooCostly
            ? new GrammarException($"{field}: the constraint is too ambiguous.")
            : new GrammarException($"{field}: this model has no token that an answer could begin with."));

    private GrammarMasks Compile(OutputConstraint constraint, ReasoningStart start) => new(
        CompiledGrammar.Compile(ConstraintGrammar.Of(constraint, _readers, start)),
        _vocabularies[(start == ReasoningStart.Answer ? 0 : 1) | (constraint is ToolCallConstraint ? 2 : 0)].Value);

    private static Digest KeyOf(Tenant tenant, OutputConstraint constraint, ReasoningStart start)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> salt = stackalloc byte[Digest.SizeBytes];
        tenant.Salt.CopyTo(salt);
        hash.AppendData(salt);
        foreach (var part in ConstraintGrammar.Identity(constraint, start))
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return new Digest(hash.GetHashAndReset());
    }
}
