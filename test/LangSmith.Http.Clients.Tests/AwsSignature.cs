using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime.Internal.Auth;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests;

/// <summary>
/// AWS Signature Version 4 over every header of a request that has no body. The signature itself is the AWS SDK's.
/// </summary>
internal static class AwsSignature
{
    private const string AccessKey = "AKIDEXAMPLE";
    private const string SecretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    private const string Region = "eu-west-1";
    private const string Service = "execute-api";
    private const string DateHeader = "x-amz-date";

    // The ones that AWS clients sign, and those that must not change after signing.
    private static readonly string[] NotSigned = ["authorization", "traceparent", "tracestate", "correlation-context", "request-id", "connection"];

    /// <summary>Computes the signature of a received request anew, and compares.</summary>
    internal static bool IsValid(HttpRequest request)
    {
        var authorization = request.Headers.Authorization.ToString();
        var signed = authorization.Split("SignedHeaders=").Last().Split(',')[0].Split(';');
        var headers = signed.Select(name => (name, request.Headers[name].ToString()));
        return authorization.Length > 0 && authorization == Compute(request.Path, headers, request.Headers[DateHeader].ToString());
    }

    /// <summary>Signs what goes through it.</summary>
    internal sealed class SigningHandler : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var date = DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", System.Globalization.CultureInfo.InvariantCulture);
            request.Headers.Remove("Authorization");
            request.Headers.Remove(DateHeader);
            request.Headers.Add(DateHeader, date);
            var headers = request.Headers.Select(static header => (header.Key, string.Join(',', header.Value)))
                .Append(("host", request.RequestUri!.Authority));
            request.Headers.TryAddWithoutValidation("Authorization", Compute(request.RequestUri.AbsolutePath, headers, date));
            return base.SendAsync(request, cancellationToken);
        }
    }

    private static string Compute(string path, IEnumerable<(string Name, string Value)> headers, string date)
    {
        var signed = headers.Select(static header => (Name: header.Name.ToLowerInvariant(), header.Value))
            .Where(static header => !NotSigned.Contains(header.Name)).OrderBy(static header => header.Name, StringComparer.Ordinal).ToList();
        var names = string.Join(';', signed.Select(static header => header.Name));
        var canonical = $"GET\n{path}\n\n{string.Concat(signed.Select(static header => $"{header.Name}:{header.Value}\n"))}\n{names}\n{Hash("")}";
        var at = DateTime.ParseExact(date, "yyyyMMdd'T'HHmmss'Z'", System.Globalization.CultureInfo.InvariantCulture).ToUniversalTime();
        return AWS4Signer.ComputeSignature(AccessKey, SecretKey, Region, at, Service, names, canonical).ForAuthorizationHeader;
    }

    private static string Hash(string text) => string.Concat(SHA256.HashData(Encoding.UTF8.GetBytes(text)).Select(static part => $"{part:x2}"));
}
