namespace Serving.LoadTests.Sampling;

/// <summary>How many tokens a prompt or an answer has.</summary>
internal abstract record LengthDistribution
{
    /// <summary>Draws a length.</summary>
    /// <param name="random">Where from.</param>
    /// <param name="prompt">The prompt's length, for answers that depend on it.</param>
    public abstract int Next(SeededRandom random, int prompt = 0);

    /// <summary>Always the same.</summary>
    public sealed record Fixed(int Tokens) : LengthDistribution
    {
        /// <inheritdoc/>
        public override int Next(SeededRandom random, int prompt = 0) => Tokens;
    }

    /// <summary>Uniform over [Min, Below): S-LoRA's lengths.</summary>
    public sealed record Uniform(int Min, int Below) : LengthDistribution
    {
        /// <inheritdoc/>
        public override int Next(SeededRandom random, int prompt = 0) => Min + random.NextInt(Below - Min);
    }

    /// <summary>loc + scale·e^(sigma·N(0,1)), held within [Min, Max]: Punica's prompts.</summary>
    public sealed record LogNormal(double Sigma, double Loc, double Scale, int Min, int Max) : LengthDistribution
    {
        /// <inheritdoc/>
        public override int Next(SeededRandom random, int prompt = 0) => (int)Math.Clamp(Loc + (Scale * Math.Exp(Sigma * random.NextNormal())), Min, Max);
    }

    /// <summary>What is left of a total drawn uniformly over [0, Below), two tokens at least: Punica's answers.</summary>
    public sealed record Remainder(int Below) : LengthDistribution
    {
        /// <inheritdoc/>
        public override int Next(SeededRandom random, int prompt = 0) => Math.Max(prompt + 2, random.NextInt(Below)) - prompt;
    }
}
