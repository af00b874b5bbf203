import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.List;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.signer.Aws4Signer;
import software.amazon.awssdk.auth.signer.params.Aws4PresignerParams;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.http.SdkHttpFullRequest;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4FamilyHttpSigner.AuthLocation;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.HttpSigner;
import software.amazon.awssdk.protocols.jsoncore.JsonNode;
import software.amazon.awssdk.regions.Region;

/**
 * Signs a JSON list of inputs (stdin) with the two signers of the AWS SDK for Java v2, as EKS recipes use them: a hand-built GET
 * request with the cluster header, presigned for 60 seconds. Both signers take a clock. Prints one tab-separated line
 * per result: recipe, input index, token.
 */
public final class JavaGenerator {
    public static void main(String[] arguments) throws Exception {
        System.out.println(VersionInfo.SDK_VERSION);
        List<JsonNode> inputs = JsonNode.parser().parse(System.in).asArray();
        for (int index = 0; index < inputs.size(); index++) {
            Input input = new Input(inputs.get(index));
            System.out.println("Aws4Signer\t" + index + "\t" + token(aws4Signer(input)));
            System.out.println("AwsV4HttpSigner\t" + index + "\t" + token(awsV4HttpSigner(input)));
        }
    }

    private static SdkHttpRequest aws4Signer(Input input) {
        Aws4PresignerParams parameters = Aws4PresignerParams.builder()
            .awsCredentials(input.credentials())
            .signingRegion(Region.of(input.text("region")))
            .signingName("sts")
            .signingClockOverride(input.clock())
            .expirationTime(input.clock().instant().plusSeconds(60))
            .build();
        return Aws4Signer.create().presign(input.request(), parameters);
    }

    private static SdkHttpRequest awsV4HttpSigner(Input input) {
        return AwsV4HttpSigner.create().sign(request -> request
            .identity(input.credentials())
            .request(input.request())
            .putProperty(AwsV4HttpSigner.SERVICE_SIGNING_NAME, "sts")
            .putProperty(AwsV4HttpSigner.REGION_NAME, input.text("region"))
            .putProperty(AwsV4HttpSigner.AUTH_LOCATION, AuthLocation.QUERY_STRING)
            .putProperty(AwsV4HttpSigner.EXPIRATION_DURATION, Duration.ofSeconds(60))
            .putProperty(HttpSigner.SIGNING_CLOCK, input.clock())).request();
    }

    private static String token(SdkHttpRequest signed) {
        byte[] url = signed.getUri().toString().getBytes(StandardCharsets.UTF_8);
        return "k8s-aws-v1." + Base64.getUrlEncoder().withoutPadding().encodeToString(url);
    }

    private record Input(JsonNode node) {
        String text(String field) {
            return node.field(field).filter(value -> !value.isNull()).map(JsonNode::text).orElse(null);
        }

        Clock clock() {
            return Clock.fixed(Instant.ofEpochSecond(Long.parseLong(text("unix_time"))), ZoneOffset.UTC);
        }

        AwsCredentials credentials() {
            String session = text("session_token");
            return session == null
                ? AwsBasicCredentials.create(text("access_key_id"), text("secret_access_key"))
                : AwsSessionCredentials.create(text("access_key_id"), text("secret_access_key"), session);
        }

        SdkHttpFullRequest request() {
            return SdkHttpFullRequest.builder()
                .method(SdkHttpMethod.GET)
                .uri(URI.create("https://" + text("host") + "/"))
                .appendHeader("x-k8s-aws-id", text("cluster_id"))
                .appendRawQueryParameter("Action", "GetCallerIdentity")
                .appendRawQueryParameter("Version", "2011-06-15")
                .build();
        }
    }
}
