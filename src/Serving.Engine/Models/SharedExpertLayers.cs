using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// The MLPs that all tokens go through beside their experts: fused gate and up, gate·mul, down onto the residual stream. A factor multiplies what goes into down, by one row's number, in the place of
/// what comes out.
/// </summary>
internal sealed class SharedExpertLayers
{
    private readonly ProgramWriter _writer;
    private readonly SharedExpert _expert;
    private readonly int _hidden;
    private readonly int _gateUp;
    private readonly int _activated;
    private readonly int? _factor;

    /// <summary>Takes the buffers.</summary>
    public SharedExpertLayers(ProgramWriter writer, SharedExpert expert, int hidden)
    {
        (_writer, _expert, _hidden) = (writer, expert, hidden);
        _gateUp = writer.Buffer("shared gate_up", 2 * expert.Width, BufferElement.BFloat16);
        _activated = writer.Buffer("shared activated", expert.Width, BufferElement.BFloat16);
        _factor = expert.Factor is null ? null : writer.Buffer("shared factor", 1, BufferElement.Float32);
    }

    /// <summary>Adds a layer's; <paramref name="prefix"/> is what its tensors' names begin with.</summary>
    public void Add(int layer, string prefix, int normed, int residual, GateActivation activation)
    {
        var width = _expert.Width;
        if (_factor is { } factor)
        {
            var row = _writer.Matrix($"layer {layer} shared factor", _hidden, WeightKind.Matrix, ($"{prefix}{_expert.Factor}.weight", 1));
            _writer.Op(new LinearOp(normed, factor, row, null, LinearOutput.Keep, [_writer.Slice(layer, Projection.SharedFactor, _hidden, 0, 1)]));
        }

        var gateUp = _writer.Matrix($"layer {layer} shared gate_up", _hidden, WeightKind.Matrix, Part(prefix, 0), Part(prefix, 1));
        _writer.Op(new LinearOp(normed, _gateUp, gateUp, null, LinearOutput.Round,
        [
            _writer.Slice(layer, Projection.SharedGate, _hidden, 0, width),
            _writer.Slice(layer, Projection.SharedUp, _hidden, width, width),
        ]));
        _writer.Op(new GateMulOp(_gateUp, _activated, activation, Factor: _factor));
        var down = _writer.Matrix($"layer {layer} shared down", width, WeightKind.Matrix, ($"{prefix}{_expert.Down}.weight", _hidden));
        _writer.Op(new LinearOp(_activated, residual, down, null, LinearOutput.Accumulate, [_writer.Slice(layer, Projection.SharedDown, width, 0, _hidden)]));
    }

    private WeightPart Part(string prefix, int half) => _expert.GateUp is [var both]
        ? new WeightPart($"{prefix}{both}.weight", 0, _expert.Width) { FirstRow = half * _expert.Width }
        : new WeightPart($"{prefix}{_expert.GateUp[half]}.weight", 0, _expert.Width);
}
