using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>What a config says about layers whose MLP is a mixture of experts.</summary>
/// <param name="Shape">Experts of such a layer and how many a token goes through.</param>
/// <param name="Width">Width of one expert.</param>
/// <param name="Renormalize">Whether the weights of a token's choices add up to 1.</param>
/// <param name="Tensors">What the checkpoint calls the matrices.</param>
public sealed record MixtureConfig(MixtureShape Shape, int Width, bool Renormalize, MixtureTensors Tensors)
{
    /// <summary>Most experts of a layer.</summary>
    public const int MaxExperts = 512;

    /// <summary>Most experts that a token goes through.</summary>
    public const int MaxChoices = 16;

    /// <summary>Whether router and experts have biases.</summary>
    public bool HasBiases { get; init; }

    /// <summary>The MLP that every token goes through beside its experts; null for none.</summary>
    public SharedExpert? Shared { get; init; }

    /// <summary>Layers that have a plain MLP all the same.</summary>
    public IReadOnlySet<int> DenseLayers { get; init; } = new HashSet<int>();

    /// <summary>The same where every expert has tensors of its own, and of what all tokens go through gate and up have one each.</summary>
    public MixtureConfig ByExpert(MixtureTensors tensors) => this with { Tensors = tensors, Shared = Shared is { } shared ? SharedExpert.Qwen(shared.Width) with { Factor = shared.Factor } : null };

    /// <summary>Reads how many experts there are, under the family's key.</summary>
    public static MixtureShape ReadShape(JsonFields fields, string expertsKey, int? choices = null)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var experts = fields.Int(expertsKey, 1, MaxExperts);
        return new MixtureShape(experts, fields.Int("num_experts_per_tok", 1, Math.Min(experts, MaxChoices), choices));
    }
}
