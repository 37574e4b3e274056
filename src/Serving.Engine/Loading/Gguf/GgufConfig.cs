using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// What a file's metadata says about its model, as the text of a <c>config.json</c>: families have one reader. A key of the architecture that is not known here is refused by name: it
/// may change arithmetic.
/// </summary>
internal sealed class GgufConfig
{
    /// <summary>What cosines and sines are multiplied by.</summary>
    public const string AttentionFactor = "rope.scaling.attn_factor";

    /// <summary>The length that a model was first made for.</summary>
    public const string OriginalLength = "rope.scaling.original_context_length";

    private const double DefaultTheta = 10_000;

    private readonly GgufHeader _header;
    private readonly GgufFamily _family;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly JsonObject _json = [];

    private GgufConfig(GgufHeader header, GgufFamily family) => (_header, _family) = (header, family);

    private GgufMetadata Metadata => _header.Metadata;

    /// <summary>Reads the model's configuration.</summary>
    /// <param name="header">The file's beginning.</param>
    /// <param name="family">Its family.</param>
    /// <param name="eosIds">Tokens that end a sequence.</param>
    /// <exception cref="MalformedFileException">A key is missing, not what it should be, or not known.</exception>
    public static ModelConfig Read(GgufHeader header, GgufFamily family, IEnumerable<int> eosIds)
    {
        var config = ModelConfig.Parse(JsonSerializer.SerializeToUtf8Bytes(new GgufConfig(header, family).Write(eosIds)));
        if (config.Recurrence is { } rule)
        {
            var first = rule.Layers.Count > 0 ? rule.Layers.Min() : 0;
            config = config with
            {
                Recurrence = rule with
                {
                    FusedInputs = header.Tensors.ContainsKey(GgufNames.Block(first, GgufNames.FusedInputs, "weight")),
                    FusedRates = header.Tensors.ContainsKey(GgufNames.Block(first, GgufNames.FusedRates, "weight")),
                },
            };
        }

        config = family.HasStackedNorms && config.HeadNorms == HeadNorms.Apart ? config with { HeadNorms = HeadNorms.Together } : config;
        return (family.Experts is { } experts && config.Mixture is { } mixture ? config with { Mixture = mixture.ByExpert(experts) } : config) with
        {
            // Rows in ggml's order are brought into Hugging Face's where q and k are tensors of their own.
            FusedQkv = !family.IsInterleaved && !family.HasRecurrence && header.Tensors.ContainsKey(GgufNames.Block(0, "attn_qkv", "weight")),
        };
    }

    private JsonObject Write(IEnumerable<int> eosIds)
    {
        _json["architectures"] = new JsonArray(_family.Architecture);
        _json["eos_token_id"] = new JsonArray([.. eosIds.Select(id => (JsonNode)id)]);
        WriteSizes();
        var epsilon = Key(_family.Epsilon is null ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon");
        _json[_family.Epsilon ?? "rms_norm_eps"] = Metadata.Number(epsilon) ?? throw GgufMetadata.Missing(epsilon);
        _json["tie_word_embeddings"] = !_header.Tensors.ContainsKey(GgufNames.Head);
        if (_family.HasOptionalBiases)
        {
            _json["attention_bias"] = _header.Tensors.ContainsKey(GgufNames.Block(0, "attn_q", "bias")) || _header.Tensors.ContainsKey(GgufNames.Block(0, "attn_qkv", "bias"));
            _json["attention_out_bias"] = _header.Tensors.ContainsKey(GgufNames.Block(0, "attn_output", "bias"));
            _json["mlp_bias"] = _header.Tensors.ContainsKey(GgufNames.Block(0, "ffn_gate", "bias")) || _header.Tensors.ContainsKey(GgufNames.Block(0, "ffn_up", "bias"));
        }

        foreach (var (name, module, whereThere) in _family.TensorFlags)
        {
            _json[name] = whereThere == _header.Tensors.ContainsKey(GgufNames.Block(0, module, module == "attn_q" ? "bias" : "weight"));
        }

        WriteRope();
        WriteFamily();
        WriteRecurrence();
        RefuseUnknown();
        return _json;
    }

    private void WriteSizes()
    {
        var (hidden, heads) = (Required("embedding_length"), Required("attention.head_count"));
        _json["hidden_size"] = hidden;
        _json["num_attention_heads"] = heads;
        _json["num_key_value_heads"] = Metadata.SameInteger(Key("attention.head_count_kv")) ?? heads;
        if (!_family.HasRecurrence || Metadata.Has(Key("feed_forward_length")))
        {
            _json["intermediate_size"] = Required("feed_forward_length");
        }

        _json["num_hidden_layers"] = Required("block_count") - GuessingLayers();
        _json["max_position_embeddings"] = Required("context_length");
        _json["vocab_size"] = _header.Tensors.GetValueOrDefault(GgufNames.Embedding)?.Rows ?? throw new MalformedFileException($"the file has no tensor '{GgufNames.Embedding}'");
        _ = Key("vocab_size");
        _ = Key("pooling_type"); // How embeddings are made, see GgufModel.
        var size = Metadata.Integer(Key("attention.key_length")) ?? (heads > 0 ? hidden / heads : 0);
        var rotated = Metadata.Integer(Key("rope.dimension_count")) ?? size;
        if (_family.IsPartlyRotated && size > 0)
        {
            _json["partial_rotary_factor"] = rotated / (double)size;
        }

        if ((Metadata.Integer(Key("attention.value_length")) ?? size) != size || (rotated != size && !_family.IsPartlyRotated))
        {
            throw new MalformedFileException("keys, values and rotated parts of a head that are not equally long are not supported");
        }

        _json["head_dim"] = size;
    }

    private void WriteFamily()
    {
        _ = Key("expert_count");
        foreach (var (name, value) in _family.Constants)
        {
            _json[name] = value?.DeepClone();
        }

        WriteKeys();
        if (_family.ScalesByHeadSize && !_json.ContainsKey("attention_multiplier"))
        {
            _json["attention_multiplier"] = 1 / Math.Sqrt((long)_json["head_dim"]!);
        }

        // No window: how Phi-4's files are told from Phi-3's.
        if (_json["sliding_window"] is JsonValue window && window.TryGetValue<double>(out var length) && length == 0)
        {
            _json["sliding_window"] = null;
        }

        if (_family.HasWindowPattern)
        {
            WriteWindows();
        }

        if (_family.LayersOfLargest is { } layers)
        {
            _json["query_pre_attn_scalar"] = Required("block_count") == layers ? Required("embedding_length") / (double)Required("attention.head_count") : (long)_json["head_dim"]!;
        }
    }

    /// <summary>Keys that the family has beside those of all.</summary>
    private void WriteKeys()
    {
        foreach (var (key, name) in _family.Keys)
        {
            if (Metadata.Has(Key(key)))
            {
                _json[name] = Metadata.Number(Key(key));
            }
            else if (_family.RequiredKeys.Contains(key))
            {
                throw GgufMetadata.Missing(Key(key));
            }
        }

        foreach (var key in _family.IdleKeys)
        {
            _ = Key(key);
        }
    }

    /// <summary>Layers behind the model's that guess tokens ahead: counted with its own, and passed over.</summary>
    private long GuessingLayers() => _family.HasRecurrence ? Metadata.Integer(Key("nextn_predict_layers")) ?? 0 : 0;

    /// <summary>Which layers have a recurrent state, if the file says it, and how long its values are.</summary>
    private void WriteRecurrence()
    {
        if (!_family.HasRecurrence)
        {
            return;
        }

        var (width, heads) = (Required("ssm.inner_size"), Required("ssm.time_step_rank"));
        _json["linear_value_head_dim"] = heads > 0 && width % heads == 0 ? width / heads
            : throw new MalformedFileException($"{Key("ssm.inner_size")} is not a multiple of {Key("ssm.time_step_rank")}");
        if (Metadata.Flags(Key("attention.recurrent_layers")) is { } remembers)
        {
            _json[DeltaRuleConfig.LayerTypes] = new JsonArray(
                [.. remembers.SkipLast((int)Math.Clamp(GuessingLayers(), 0, remembers.Length)).Select(does => (JsonNode)(does ? DeltaRuleConfig.LinearAttention : RopeConfig.FullAttention))]);
        }
    }

    /// <summary>Which layers have the window, if the file says it.</summary>
    private void WriteWindows()
    {
        if (Metadata.Flags(Key("attention.sliding_window_pattern")) is { } slides)
        {
            _json["layer_types"] = new JsonArray([.. slides.Select(slide => (JsonNode)(slide ? RopeConfig.SlidingAttention : RopeConfig.FullAttention))]);
        }
    }

    private void WriteRope()
    {
        _json["rope_theta"] = Metadata.Number(Key("rope.freq_base")) ?? DefaultTheta;
        if (Metadata.Flag(Key("rope.scaling.finetuned")) == false && _family.Name.StartsWith("granite", StringComparison.Ordinal))
        {
            throw new MalformedFileException($"{Key("rope.scaling.finetuned")} that says no, which means no rotary embedding, is not supported");
        }

        var kind = Metadata.Text(Key("rope.scaling.type"));
        var factor = Metadata.Number(Key("rope.scaling.factor")) ?? Metadata.Number(Key("rope.scale_linear"));
        var original = Metadata.Integer(Key(OriginalLength));
        kind ??= factor is null or 1 ? "none" : "linear";
        var isLong = _header.Tensors.ContainsKey(GgufNames.LongFactors) && kind is "none" or "longrope";
        if (isLong)
        {
            // The factors are tensors, see GgufRope.
            _ = Key(AttentionFactor);
        }

        if (kind == "none" || isLong)
        {
            // Said, as there are families that stretch where nothing is.
            _json["rope_scaling"] = new JsonObject { ["rope_type"] = "default" };
            return;
        }

        var scaling = new JsonObject { ["rope_type"] = kind, ["factor"] = factor ?? throw GgufMetadata.Missing(Key("rope.scaling.factor")) };
        if (kind == "yarn")
        {
            scaling["original_max_position_embeddings"] = original ?? Required("context_length");
            scaling["truncate"] = _family.TruncatesYarn;
            WriteYarn(scaling, factor.Value);
        }
        else if (kind != "linear")
        {
            throw new MalformedFileException($"rope type {MalformedFileException.Quote(kind)} is not supported in GGUF files (none, linear and yarn are)");
        }

        _json["rope_scaling"] = scaling;
    }

    private void WriteYarn(JsonObject scaling, double factor)
    {
        // ggml multiplies what the paper has by its own factor.
        if (Metadata.Number(Key(AttentionFactor)) is { } attention)
        {
            scaling["attention_factor"] = attention * (factor <= 1 ? 1 : 1 + (0.1 * Math.Log(factor)));
        }

        if (Metadata.Number(Key("rope.scaling.yarn_log_multiplier")) is { } multiplier and not 0)
        {
            (scaling["mscale"], scaling["mscale_all_dim"]) = (1, multiplier);
        }

        if (_family.HasTemperature && Metadata.Number(Key("attention.temperature_scale")) is { } temperature)
        {
            scaling[MinistralProgramBuilder.Temperature] = temperature;
        }

        foreach (var (key, name) in new[] { ("rope.scaling.yarn_attn_factor", "attention_factor"), ("rope.scaling.yarn_beta_fast", "beta_fast"), ("rope.scaling.yarn_beta_slow", "beta_slow") })
        {
            if (Metadata.Number(Key(key)) is { } value)
            {
                scaling[name] = value;
            }
        }
    }

    private void RefuseUnknown()
    {
        var unknown = Metadata.Keys.Where(key => key.StartsWith(_family.Name + ".", StringComparison.Ordinal) && !_known.Contains(key)).Order(StringComparer.Ordinal).FirstOrDefault();
        if (unknown is not null)
        {
            throw new MalformedFileException($"{MalformedFileException.Quote(unknown)} is not supported");
        }
    }

    private long Required(string name) => Metadata.SameInteger(Key(name)) ?? throw GgufMetadata.Missing(Key(name));

    /// <summary>A key of the architecture, which is known from then on.</summary>
    private string Key(string name)
    {
        var key = $"{_family.Name}.{name}";
        _known.Add(key);
        return key;
    }
}
