namespace Serving.Compute.Cuda.Driver;

/// <summary>
/// y[m, n] = x[m, k] · w[n, k]ᵀ for one (n, k) and any m, all row-major, or the parts of it that k is cut into, in cuBLASLt's words: column-major yᵀ = (wᵀ)ᵀ · xᵀ. bf16 in, fp32 accumulation,
/// fp32 or bf16 out.
/// </summary>
internal sealed unsafe class MatmulDescription : IDisposable
{
    private const int Compute32F = 68;
    private const int TransposeA = 3;
    private const int Transpose = 1;
    private const int LayoutColumns = 3;
    private const int PreferenceWorkspace = 1;
    private const int PreferenceReductions = 3;
    private const int ConfigFamily = 0;
    private const int ConfigSplits = 2;
    private const int LayoutBatches = 5;
    private const int LayoutBatchOffset = 6;
    private const int MaxCandidates = 32;

    private readonly CublasLt _blas;
    private readonly int _outputs;
    private readonly int _inputs;
    private readonly int _parts;
    private nint _description;
    private nint _weight;
    private nint _input;
    private nint _output;

    /// <summary>Describes a product.</summary>
    /// <param name="blas">The library.</param>
    /// <param name="outputs">n.</param>
    /// <param name="inputs">k.</param>
    /// <param name="inputStride">Elements between rows of x; at least k.</param>
    /// <param name="weightStride">Elements between rows of w; at least k.</param>
    /// <param name="outputStride">Elements between rows of y; at least n.</param>
    /// <param name="outputType">Type of y.</param>
    /// <param name="parts">Into how many equal parts k is cut; each makes a y of its own.</param>
    /// <param name="planeStride">Elements from one y to the next.</param>
    public MatmulDescription(
        CublasLt blas, int outputs, int inputs, int inputStride, int weightStride, int outputStride, CudaDataType outputType, int parts = 1, long planeStride = 0)
    {
        (_blas, _outputs, _inputs, _parts) = (blas, outputs, inputs, parts);
        try
        {
            CublasLtApi.MatmulDescCreate(out _description, Compute32F, (int)CudaDataType.Float32).ThrowIfFailed("cublasLtMatmulDescCreate");
            var transpose = Transpose;
            CublasLtApi.MatmulDescSetAttribute(_description, TransposeA, &transpose, sizeof(int)).ThrowIfFailed("cublasLtMatmulDescSetAttribute");
            CreateLayout(out _weight, CudaDataType.BFloat16, inputs / parts, outputs, weightStride, inputs / parts);
            CreateLayout(out _input, CudaDataType.BFloat16, inputs / parts, 1, inputStride, inputs / parts);
            CreateLayout(out _output, outputType, outputs, 1, outputStride, planeStride);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The algorithm that cuBLASLt holds to be the fastest for m rows, among those that do every number of rows of a range.</summary>
    /// <param name="rows">m.</param>
    /// <param name="first">Fewest rows that it is to run for.</param>
    /// <param name="last">Most rows.</param>
    /// <param name="allowSplits">Whether k may be cut into parts that are summed afterwards.</param>
    /// <exception cref="CudaException">There is none.</exception>
    public MatmulAlgorithm Choose(int rows, int first, int last, bool allowSplits)
    {
        var candidates = Candidates(rows, allowSplits);
        if (!allowSplits && Candidates(rows, allowSplits: true) is [var fastest, ..])
        {
            // What is left without splits comes in an order of its own, on Hopper with kernels of older devices first, up to ten times slower.
            candidates = [.. candidates.OrderBy(candidate => FamilyOf(candidate) == FamilyOf(fastest) ? 0 : 1)];
        }

        foreach (var candidate in candidates)
        {
            if ((allowSplits || SplitsOf(candidate) <= 1) && Enumerable.Range(first, last - first + 1).All(m => Takes(candidate, m)))
            {
                return candidate;
            }
        }

        throw new CudaException(
            "cublasLtMatmulAlgoCheck",
            $"CUBLAS_STATUS {CublasStatus.NotSupported}",
            (int)CublasStatus.NotSupported,
            isFatal: false,
            $"none of {candidates.Count} algorithms does {first} to {last} rows of {_inputs} inputs and {_outputs} outputs{(allowSplits ? string.Empty : " without splits")}");
    }

    /// <summary>Queues the product of m rows.</summary>
    public void Run(CudaStream stream, in MatmulAlgorithm algorithm, ulong weight, ulong input, ulong output, int rows)
    {
        SetRows(rows);
        var (alpha, beta) = (1f, 0f);
        fixed (MatmulAlgorithm* chosen = &algorithm)
        {
            CublasLtApi.Matmul(
                _blas.Value, _description, &alpha, weight, _weight, input, _input, &beta, output, _output, output, _output,
                chosen, _blas.Workspace.Address, (nuint)CublasLt.WorkspaceBytes, stream.Value).ThrowIfFailed("cublasLtMatmul");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DestroyLayout(ref _weight);
        DestroyLayout(ref _input);
        DestroyLayout(ref _output);
        if (Interlocked.Exchange(ref _description, 0) is not 0 and var description)
        {
            CublasLtApi.MatmulDescDestroy(description);
        }
    }

    /// <summary>Into how many parts an algorithm cuts k.</summary>
    private static uint SplitsOf(MatmulAlgorithm algorithm) => AttributeOf(algorithm, ConfigSplits);

    /// <summary>The kernels that an algorithm is one of: CUBLASLT_ALGO_CONFIG_ID.</summary>
    private static uint FamilyOf(MatmulAlgorithm algorithm) => AttributeOf(algorithm, ConfigFamily);

    private static uint AttributeOf(MatmulAlgorithm algorithm, int attribute)
    {
        uint value;
        CublasLtApi.MatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof(uint), out _).ThrowIfFailed("cublasLtMatmulAlgoConfigGetAttribute");
        return value;
    }

    /// <summary>Up to 32 algorithms for m rows, the one that is held to be the fastest first.</summary>
    public List<MatmulAlgorithm> Candidates(int rows, bool allowSplits)
    {
        SetRows(rows);
        CublasLtApi.MatmulPreferenceCreate(out var preference).ThrowIfFailed("cublasLtMatmulPreferenceCreate");
        try
        {
            var workspace = (ulong)CublasLt.WorkspaceBytes;
            CublasLtApi.MatmulPreferenceSetAttribute(preference, PreferenceWorkspace, &workspace, sizeof(ulong)).ThrowIfFailed("cublasLtMatmulPreferenceSetAttribute");
            if (!allowSplits)
            {
                var none = 0u;
                CublasLtApi.MatmulPreferenceSetAttribute(preference, PreferenceReductions, &none, sizeof(uint)).ThrowIfFailed("cublasLtMatmulPreferenceSetAttribute");
            }

            var results = stackalloc MatmulHeuristic[MaxCandidates];
            CublasLtApi.MatmulAlgoGetHeuristic(_blas.Value, _description, _weight, _input, _output, _output, preference, MaxCandidates, results, out var found)
                .ThrowIfFailed("cublasLtMatmulAlgoGetHeuristic");
            var candidates = new List<MatmulAlgorithm>();
            for (var i = 0; i < found; i++)
            {
                if (results[i].State == CublasStatus.Success)
                {
                    candidates.Add(results[i].Algorithm);
                }
            }

            return candidates;
        }
        finally
        {
            CublasLtApi.MatmulPreferenceDestroy(preference);
        }
    }

    /// <summary>Whether an algorithm does m rows within the workspace.</summary>
    public bool Takes(MatmulAlgorithm algorithm, int rows)
    {
        SetRows(rows);
        MatmulHeuristic result = default;
        var status = CublasLtApi.MatmulAlgoCheck(_blas.Value, _description, _weight, _input, _output, _output, &algorithm, &result);
        return status == CublasStatus.Success && result.WorkspaceBytes <= (nuint)CublasLt.WorkspaceBytes;
    }

    private void CreateLayout(out nint layout, CudaDataType type, int rows, int columns, int stride, long partOffset)
    {
        CublasLtApi.MatrixLayoutCreate(out layout, type, (ulong)rows, (ulong)columns, stride).ThrowIfFailed("cublasLtMatrixLayoutCreate");
        if (_parts > 1)
        {
            var parts = _parts;
            CublasLtApi.MatrixLayoutSetAttribute(layout, LayoutBatches, &parts, sizeof(int)).ThrowIfFailed("cublasLtMatrixLayoutSetAttribute");
            CublasLtApi.MatrixLayoutSetAttribute(layout, LayoutBatchOffset, &partOffset, sizeof(long)).ThrowIfFailed("cublasLtMatrixLayoutSetAttribute");
        }
    }

    private static void DestroyLayout(ref nint layout)
    {
        if (Interlocked.Exchange(ref layout, 0) is not 0 and var value)
        {
            CublasLtApi.MatrixLayoutDestroy(value);
        }
    }

    private void SetRows(int rows)
    {
        var columns = (ulong)rows;
        CublasLtApi.MatrixLayoutSetAttribute(_input, LayoutColumns, &columns, sizeof(ulong)).ThrowIfFailed("cublasLtMatrixLayoutSetAttribute");
        CublasLtApi.MatrixLayoutSetAttribute(_output, LayoutColumns, &columns, sizeof(ulong)).ThrowIfFailed("cublasLtMatrixLayoutSetAttribute");
    }
}
