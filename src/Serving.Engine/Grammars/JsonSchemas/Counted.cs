using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>Repeats of large counts: from some hundred on in blocks, which are a rule, so that a million takes some thousand states.</summary>
internal static class Counted
{
    private const int Few = 200;
    private const int Block = 1000;

    /// <summary>Something several times. Above <see cref="SchemaLimits.Count"/> an upper limit is none.</summary>
    public static GrammarExpression Of(GrammarBuilder builder, GrammarExpression inner, int least, int? most)
    {
        if (least > SchemaLimits.Count)
        {
            throw new GrammarException($"A schema asks for {least} characters or items at least; {SchemaLimits.Count} are the most that are possible.");
        }

        most = most > SchemaLimits.Count ? null : most;
        if (Math.Max(least, most ?? 0) <= Few || Express.IsNever(inner))
        {
            return Express.Repeat(inner, least, most);
        }

        var one = builder.Add(inner);
        var block = builder.Add(Express.Repeat(one, Block, Block));
        var room = most - least;
        return Express.Concat(
            Express.Repeat(block, least / Block, least / Block),
            Express.Repeat(one, least % Block, least % Block),
            room is null ? Express.Repeat(one, 0, null)
            : room < Block ? Express.Repeat(one, 0, room)
            : Express.Choice(
                Express.Concat(Express.Repeat(block, 0, (room / Block) - 1), Express.Repeat(one, 0, Block - 1)),
                Express.Concat(Express.Repeat(block, room.Value / Block, room / Block), Express.Repeat(one, 0, room % Block))));
    }
}
