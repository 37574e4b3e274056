using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>
/// The objects of a conjunction: its properties in the order in which the schema has them, each at most once, those that are required always; then others, where they may be, with
/// names that are none of these. Among the others a name can come twice.
/// </summary>
internal sealed class ObjectGrammar(IValueGrammars values)
{
    private readonly JsonGrammar _json = values.Json;

    /// <summary>The objects.</summary>
    public GrammarExpression Of(Conjunction conjunction)
    {
        var (least, most) = conjunction.Counts("minProperties", "maxProperties");
        if (!conjunction.Has("properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "required", "propertyNames") && least == 0 && most is null)
        {
            return _json.Object;
        }

        var members = ObjectMembers.Of(conjunction, values.Budget);
        var allowed = members.OfNames.Count == 0 ? null : values.Meant(members.OfNames);
        var known = members.Names
            .Select(name => (Member: Known(members, name, allowed), IsRequired: members.Required.Contains(name)))
            .Where(member => member.IsRequired || !Express.IsNever(member.Member))
            .ToList();
        var other = Express.Choice([.. members.Others(allowed).Select(others => _json.Member(Name(others.Names), values.Of(others.Schemas)))]);
        return Bracketed(Count(conjunction, known, other, least, most));
    }

    private GrammarExpression Known(ObjectMembers members, string name, GrammarExpression? allowed) => allowed is not null && !values.Budget.Test.Contains(allowed, name)
        ? GrammarExpression.Never
        : _json.Member(WrittenStrings.Quoted(WrittenStrings.Written(Express.Text(name))), values.Of(members.SchemasOf(name)));

    private GrammarExpression Name(GrammarExpression? meant) => meant is null ? _json.String : WrittenStrings.Quoted(WrittenStrings.Written(meant));

    private GrammarExpression Bracketed(GrammarExpression? content) => content is null
        ? Express.Text("{}")
        : Express.IsNever(content) ? content
        : content is ChoiceExpression { Options: [SequenceExpression { Parts.Count: 0 }, _] } optional ? _json.InBrackets('{', '}', optional.Options[1], isOptional: true)
        : _json.InBrackets('{', '}', content, isOptional: false);

    // What is between the brackets; null if nothing is.
    private GrammarExpression? Count(Conjunction conjunction, List<(GrammarExpression Member, bool IsRequired)> known, GrammarExpression other, int least, int? most)
    {
        var required = known.Count(member => member.IsRequired);
        var optional = known.Count - required;
        var hasOthers = !Express.IsNever(other);
        if (most < required || least > most || (!hasOthers && least > known.Count))
        {
            return GrammarExpression.Never;
        }

        if (most == required || (optional == 0 && !hasOthers))
        {
            return known.Where(member => member.IsRequired).Select(member => member.Member).ToList() is { Count: > 0 } all ? InOrder([.. all.Select(member => (member, true))]) : null;
        }

        if (!hasOthers && least == known.Count)
        {
            return InOrder([.. known.Select(member => (member.Member, true))]);
        }

        var tail = Others(conjunction, other, (least - required, most - required), (required, optional));
        return Assemble(known, tail, isOptional: least == 0);
    }

    // How many others there may be, so that the whole has as many members as it has to. Two of them may have the same name, so that no more than one can be promised.
    private static LastMembers Others(Conjunction conjunction, GrammarExpression other, (int Least, int? Most) more, (int Required, int Optional) known)
    {
        var hasOthers = !Express.IsNever(other);
        if (more.Least > 1 || (more.Least == 1 && known is { Required: > 0, Optional: > 0 }))
        {
            throw NotCounted(conjunction, "minProperties");
        }

        if (known.Optional == 0)
        {
            return new LastMembers(other, Math.Max(more.Least, 0), more.Most, AtMostOne: false);
        }

        var isBounded = more.Most is { } limit && (hasOthers || limit < known.Optional);
        if (isBounded && (more.Most != 1 || known.Required > 0))
        {
            throw NotCounted(conjunction, "maxProperties");
        }

        return new LastMembers(other, 0, null, isBounded);
    }

    private static GrammarException NotCounted(Conjunction conjunction, string keyword) => conjunction.All(keyword).First().Node.NotDone(keyword, "where it leaves a choice among optional members");

    private GrammarExpression Assemble(List<(GrammarExpression Member, bool IsRequired)> known, LastMembers tail, bool isOptional)
    {
        var hasOthers = !Express.IsNever(tail.Other);
        if (tail.AtMostOne)
        {
            var one = Express.Choice([.. known.Select(member => member.Member), tail.Other]);
            return isOptional ? new ChoiceExpression([GrammarExpression.Empty, one]) : one;
        }

        if (known.Any(member => member.IsRequired))
        {
            return Express.Concat(InOrder(known), Express.Repeat(Express.Concat(_json.Comma, tail.Other), tail.Least, tail.Most));
        }

        List<(GrammarExpression First, GrammarExpression Later)> items = [.. known.Select(member => (member.Member, Express.Optional(Express.Concat(_json.Comma, member.Member))))];
        if (hasOthers)
        {
            items.Add((_json.List(tail.Other, tail.Least, tail.Most), Express.Repeat(Express.Concat(_json.Comma, tail.Other), 0, tail.Most)));
        }

        var some = NotEmpty(items, 0, items.Count);
        return isOptional ? new ChoiceExpression([GrammarExpression.Empty, some]) : some;
    }

    // Members of which one at least is required: before the first of these a comma comes behind, from it on before.
    private GrammarExpression InOrder(List<(GrammarExpression Member, bool IsRequired)> known)
    {
        var firstRequired = known.FindIndex(member => member.IsRequired);
        return Express.Concat([.. known.Select((member, i) =>
            i == firstRequired ? member.Member
            : i < firstRequired ? Express.Optional(Express.Concat(member.Member, _json.Comma))
            : member.IsRequired ? Express.Concat(_json.Comma, member.Member)
            : Express.Optional(Express.Concat(_json.Comma, member.Member)))]);
    }

    // One at least of members that are all optional, in halves: the first is in the left half, or the left half is left out. n log n members are written down in all.
    private static GrammarExpression NotEmpty(List<(GrammarExpression First, GrammarExpression Later)> items, int from, int to)
    {
        if (to - from == 1)
        {
            return items[from].First;
        }

        var middle = (from + to) / 2;
        return Express.Choice(
            Express.Concat([NotEmpty(items, from, middle), .. items[middle..to].Select(item => item.Later)]),
            NotEmpty(items, middle, to));
    }

    /// <summary>The members that come last, and how many members there must be.</summary>
    private sealed record LastMembers(GrammarExpression Other, int Least, int? Most, bool AtMostOne);
}
