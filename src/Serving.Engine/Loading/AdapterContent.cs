using Serving.Compute.Adapters;
using Serving.Core.Memory;

namespace Serving.Engine.Loading;

/// <summary>An adapter read from its files.</summary>
/// <param name="Weights">Its matrices as bf16, ready to be packed.</param>
/// <param name="Digest">
/// SHA-256(SHA-256(adapter_config.json) ‖ SHA-256(adapter_model.safetensors)) of the bytes it was made from, or SHA-256 of its GGUF file.
/// </param>
/// <param name="SizeBytes">Bytes of the matrices.</param>
public sealed record AdapterContent(AdapterWeights Weights, Digest Digest, long SizeBytes);
