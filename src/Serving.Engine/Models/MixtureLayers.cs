using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// The layers' mixtures of experts: the router's logits, the choices, their rows sorted by expert, fused gate and up of each expert, gate·mul, down, and the choices put together
/// onto the residual stream; then what all tokens go through, where a model has that.
/// </summary>
internal sealed class MixtureLayers
{
    private readonly ProgramWriter _writer;
    private readonly MixtureConfig _mixture;
    private readonly int _hidden;
    private readonly int _routed;
    private readonly int _dispatched;
    private readonly int _gateUp;
    private readonly int _activated;
    private readonly int _projected;
    private readonly SharedExpertLayers? _shared;

    /// <summary>Takes the buffers.</summary>
    public MixtureLayers(ProgramWriter writer, MixtureConfig mixture, int hidden)
    {
        (_writer, _mixture, _hidden) = (writer, mixture, hidden);
        _routed = writer.Buffer("routed", mixture.Shape.ExpertCount, BufferElement.Float32);
        _dispatched = writer.Buffer("dispatched", hidden, BufferElement.BFloat16, BufferRows.Choice);
        _gateUp = writer.Buffer("experts gate_up", 2 * mixture.Width, BufferElement.BFloat16, BufferRows.Choice);
        _activated = writer.Buffer("experts activated", mixture.Width, BufferElement.BFloat16, BufferRows.Choice);
        _projected = writer.Buffer("experts down", hidden, BufferElement.Float32, BufferRows.Choice);
        _shared = mixture.Shared is { } shared ? new SharedExpertLayers(writer, shared, hidden) : null;
    }

    /// <summary>Adds a layer's.</summary>
    /// <param name="layer">The layer's number.</param>
    /// <param name="prefix">What its tensors' names begin with.</param>
    /// <param name="normed">The input.</param>
    /// <param name="residual">The residual stream.</param>
    /// <param name="activation">What gates go through.</param>
    /// <param name="limit">The bound of that, where it has one.</param>
    public void Add(int layer, string prefix, int normed, int residual, GateActivation activation, float limit)
    {
        var (experts, tensors) = (_mixture.Shape.ExpertCount, _mixture.Tensors);
        var router = _writer.Matrix($"layer {layer} router", _hidden, WeightKind.Matrix, ($"{prefix}{tensors.Router}.weight", experts));
        int? routerBias = _mixture.HasBiases ? _writer.Vector($"layer {layer} router bias", ($"{prefix}{tensors.Router}.bias", experts)) : null;
        _writer.Op(new LinearOp(normed, _routed, router, routerBias, LinearOutput.Keep, [_writer.Slice(layer, Projection.Router, _hidden, 0, experts)]));
        _writer.Op(new RouteOp(_routed, _mixture.Renormalize));
        _writer.Op(new DispatchOp(normed, _dispatched));
        var gateUp = _writer.Experts($"layer {layer} experts gate_up", _hidden, experts, tensors.GateUpParts(prefix, experts, _mixture.Width));
        var gateUpBias = Bias($"layer {layer} experts gate_up bias", tensors.GateUpBiasParts(prefix, experts, _mixture.Width));
        _writer.Op(new LinearOp(_dispatched, _gateUp, gateUp, gateUpBias, LinearOutput.Round, Slices(layer, _hidden, _mixture.Width, Projection.Gate, Projection.Up)));
        _writer.Op(new GateMulOp(_gateUp, _activated, activation, limit));
        var down = _writer.Experts($"layer {layer} experts down", _mixture.Width, experts, tensors.DownParts(prefix, experts, _hidden));
        var downBias = Bias($"layer {layer} experts down bias", tensors.DownBiasParts(prefix, experts, _hidden));
        _writer.Op(new LinearOp(_activated, _projected, down, downBias, LinearOutput.Keep, Slices(layer, _mixture.Width, _hidden, Projection.Down)));
        _writer.Op(new CombineOp(_projected, residual));
        _shared?.Add(layer, prefix, normed, residual, activation);
    }

    /// <summary>Slices of equal width, side by side; none where adapters of the experts are not read.</summary>
    private IReadOnlyList<LoraSlice> Slices(int layer, int inputs, int outputs, params IReadOnlyList<Projection> projections) => !_mixture.Tensors.AreAdapted ? []
        : [.. projections.Select((projection, index) => _writer.Slice(layer, projection, inputs, index * outputs, outputs, _mixture.Shape.ExpertCount))];

    private int? Bias(string name, IEnumerable<WeightPart> parts) => _mixture.HasBiases ? _writer.ExpertsBias(name, _mixture.Shape.ExpertCount, parts) : null;
}
