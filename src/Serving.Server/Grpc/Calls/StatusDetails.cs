using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.Rpc;
using Serving.Server.Front;

namespace Serving.Server.Grpc.Calls;

/// <summary>What a program may want to know of a failure: which one it is, which field is wrong, when to try again (Google's error model).</summary>
internal static class StatusDetails
{
    /// <summary>Whose reasons these are.</summary>
    public const string Domain = "serving";

    private const string TypeUrl = "type.googleapis.com";

    /// <summary>The value of <c>grpc-status-details-bin</c>.</summary>
    public static string Encode(GrpcStatusCode code, RequestFailure failure)
    {
        var status = new Status { Code = (int)code, Message = failure.Message };
        status.Details.Add(Any.Pack(InfoOf(failure), TypeUrl));
        if (failure.Parameter is { } field)
        {
            var wrong = new BadRequest();
            wrong.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = field, Description = failure.Message });
            status.Details.Add(Any.Pack(wrong, TypeUrl));
        }

        if (ErrorMapper.RetryAfter(failure) is { } delay)
        {
            status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(delay) }, TypeUrl));
        }

        // Binary metadata goes without padding, though it may be there.
        return Convert.ToBase64String(status.ToByteArray()).TrimEnd('=');
    }

    private static ErrorInfo InfoOf(RequestFailure failure)
    {
        var info = new ErrorInfo { Domain = Domain, Reason = Reason(failure.Error) };
        if (failure.Limit is { } limit)
        {
            info.Metadata["limit"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(limit.Limit.ToString());
            info.Metadata["allowed"] = limit.Allowed.ToString(CultureInfo.InvariantCulture);
            info.Metadata["requested"] = limit.Requested.ToString(CultureInfo.InvariantCulture);
        }

        return info;
    }

    /// <summary>A failure's name: MODEL_NOT_FOUND for ModelNotFound.</summary>
    public static string Reason(RequestError error) =>
        string.Concat(error.ToString().Select((letter, index) => index > 0 && char.IsUpper(letter) ? $"_{letter}" : char.ToUpperInvariant(letter).ToString()));
}
